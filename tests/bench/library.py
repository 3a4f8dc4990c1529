"""The library at its size limit: ``python tests/bench/library.py [--entries 10000]``.

Real files with real records; nothing is shared between entries. Reported: medians in milliseconds, and seconds for what
reads every file.
"""

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from common import median_seconds, table

sys.path.insert(0, str(Path(__file__).parent.parent))
import shelf

from studio.library import Library
from studio.store import Store

WORDS = ("red apple", "sleep", "number77", "golden rob", "nowhere", "🍎", "t", "old blue boat", "starter")


def main():
    """Fill a library and print how long it takes to use it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=10_000)
    count = parser.parse_args().entries
    rng = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        library = Library(Store(Path(folder)))
        filling = seconds(lambda: [shelf.put(library, n, prompt=a_prompt(rng, n)) for n in range(1, count + 1)])
        searches = [median_seconds(lambda words=words: library.search("", words)) for words in WORDS]
        fresh = seconds(lambda: page(library, 0))
        rows = [
            ("search by words, median of 9 queries, ms", ms(sorted(searches)[len(searches) // 2])),
            ("search by words, slowest of them, ms", ms(max(searches))),
            ("page of 60 with thumbnails, first time, ms", ms(fresh)),
            ("page of 60 with thumbnails, cached, ms", ms(median_seconds(lambda: page(library, 0)))),
            ("last page of 60, no thumbnails, ms", ms(median_seconds(lambda: library.search("", offset=count - 60)))),
            ("one star, ms", ms(median_seconds(lambda: library.star(library.search("").assets[0].id, True, "")))),
            ("start after a crash (tidy), ms", ms(median_seconds(library.tidy))),
            ("entering one result (write, measure, row), ms", ms(filling / count)),
            ("check every file, s", f"{seconds(library.check):.1f}"),
            ("rebuild from the files alone, s", f"{seconds(library.rebuild):.1f}"),
        ]
        assert library.check() == []
    table([f"{count} entries", "measured"], rows)


def page(library, offset):
    """What a gallery shows: 60 entries and the bytes of their thumbnails."""
    return [library.thumbnail(asset).read_bytes() for asset in library.search("", limit=60, offset=offset).assets]


def a_prompt(rng, number):
    """A few words, one of them its own."""
    return f"{rng.choice(shelf.MOODS)} {rng.choice(shelf.COLOURS)} {rng.choice(shelf.NOUNS)} number{number}"


def ms(value):
    """Milliseconds, to a tenth."""
    return f"{value * 1000:.1f}"


def seconds(action):
    """Wall time of one run."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
