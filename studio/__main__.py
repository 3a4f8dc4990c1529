"""``python -m studio``: the ``eddyline`` command where it is not on the path."""

from studio.cli import main

main()
