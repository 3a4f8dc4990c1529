"""``python -m pipelines.checkpoints NAME``: fetch one checkpoint in a process of its own, which can be stopped."""

import sys

from pipelines.checkpoints.fetching import fetch
from pipelines.checkpoints.found import find
from pipelines.errors import ModelError


def main(name: str) -> int:
    """Fetch; an error is one line on stderr and exit code 2."""
    try:
        fetch(find(name))
    except ModelError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
