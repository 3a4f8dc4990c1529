"""Groups of commands, one file each, mounted in ``studio/cli.py``."""
