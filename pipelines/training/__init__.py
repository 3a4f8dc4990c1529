"""Train the starters: data by package name, objectives, trainer, recipes."""
