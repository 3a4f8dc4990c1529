"""Run by a test in a process of its own: every file of a folder through the gate, and pictures through the codec.

Prints one JSON object: per file what became of it and how long it took, and how far memory rose.
"""

import json
import resource
import sys
import time
from pathlib import Path

SPACE = 6 << 30  # bytes of address space: a machine that runs the tests is not to be taken down by a bomb


def outcome(call):
    from pipelines.errors import MediaError

    started = time.process_time()
    try:
        made = call()
        found = {"taken": getattr(made, "medium", "picture"), "notes": [*getattr(made, "notes", ())]}
    except MediaError as error:
        found = {"refused": str(error)}
    except BaseException as error:
        found = {"broken": repr(error)}
    return {**found, "seconds": time.process_time() - started}


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB


def main(folder):
    resource.setrlimit(resource.RLIMIT_AS, (SPACE, SPACE))
    names = json.loads((folder / "names.json").read_text())
    from studio.intake import take

    take(folder / "warm.png", "warm.png")
    take(folder / "warm.mp4", "warm.mp4")
    before = peak()
    gate = {name: outcome(lambda name=name: take(folder / name, names[name])) for name in names}
    rose = peak() - before

    from pipelines.image import read_picture

    read_picture(folder / "warm.png")
    before = peak()
    pictures = [name for name in names if gate[name].get("taken", "image") in ("image", "picture")]
    codec = {name: outcome(lambda name=name: read_picture(folder / name)) for name in pictures}
    print(json.dumps({"gate": gate, "codec": codec, "rose": rose, "codec_rose": peak() - before}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
