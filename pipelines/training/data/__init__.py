"""Training data that anyone can fetch by package name."""
