"""Public checkpoints through diffusers, under our solvers and editors. Nothing here brings diffusers in by itself."""
