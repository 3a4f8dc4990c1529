"""One word of a recording changed, fifty times: ``python tests/bench/speech_edits.py --data DATA [--json OUT]``.

The recordings are held-out sentences of the main voice; a word in the middle becomes another. Measured: whether every
sample outside the change is the recording's own, whether Whisper tiny.en hears the new word and no longer the old one,
the word error rate of the whole, how much the seams stick out (``step_at``: about 1 is no click), and DNSMOS.
"""

import argparse
import json
import re
import statistics
from pathlib import Path

import judges
import numpy as np
from common import table
from speech import recordings

from pipelines.codecs.splicing import step_at
from pipelines.errors import StudioError
from pipelines.events import Done
from pipelines.settings import SpeechEditSettings
from pipelines.speech import SpeechPipeline

WORDS = (
    "window garden yellow silver mountain paper winter doctor kitchen river happy quiet children morning bottle "
    "dangerous market number summer village purple music soldier letter simple forest captain ladder"
).split()


def changed(text, number):
    """(text with a word of the middle changed, old word, new word), or None where no word will do."""
    words = text.split()
    places = [i for i in range(1, len(words) - 1) if re.fullmatch(r"[A-Za-z]{4,9}", words[i])]
    if not places:
        return None
    place, new = places[len(places) // 2], WORDS[number % len(WORDS)]
    if new in text.lower():
        new = WORDS[(number + 7) % len(WORDS)]
    return " ".join([*words[:place], new, *words[place + 1 :]]), words[place], new


def outside(before, after):
    """(samples equal from the front, from the back, samples of ``before`` between them)."""
    count = min(before.shape[1], after.shape[1])
    front = np.flatnonzero((before[:, :count] != after[:, :count]).any(0))
    front = int(front[0]) if len(front) else count
    back = np.flatnonzero((before[:, ::-1][:, : count - front] != after[:, ::-1][:, : count - front]).any(0))
    back = int(back[0]) if len(back) else count - front
    return front, back, before.shape[1] - front - back


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data/speech"))
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--voice", default="heart", help="whose recordings")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--show", action="store_true", help="print every sentence as it is heard")
    chosen = parser.parse_args()
    pipeline = SpeechPipeline.load()
    rows = []
    for number, (text, source) in enumerate(recordings(chosen.data, chosen.voice, 3 * chosen.count)):
        change = changed(text, number)
        if change is None or len(rows) == chosen.count:
            continue
        wanted, old, new = change
        settings = SpeechEditSettings(source_text=text, text=wanted, voice=chosen.voice, seed=number)
        try:
            made = next(e for e in pipeline.edit(settings, source) if isinstance(e, Done)).items[0]
        except StudioError as error:
            print(f"refused: {text!r}: {error}")
            rows.append({"refused": True})
            continue
        front, back, gone = outside(source.samples, made.samples)
        heard = judges.plain_words(judges.heard(made))
        said = judges.plain_words(wanted)
        if chosen.show:
            print(f"{wanted} | {' '.join(heard)}", flush=True)
        rows.append({
            "refused": False,
            "kept": (front + back) / source.samples.shape[1],
            "changed seconds": (made.samples.shape[1] - front - back) / made.sample_rate,
            "new heard": judges.plain_words(new)[0] in heard,
            "old gone": judges.plain_words(old)[0] not in heard,
            "errors": judges.word_errors(said, heard),
            "seam": max(step_at(made.samples, p, made.sample_rate) for p in (front, made.samples.shape[1] - back)),
            "seam before": max(step_at(source.samples, p, source.sample_rate) for p in (front, front + gone)),
            "DNSMOS": judges.quality(made), "DNSMOS before": judges.quality(source),
        })  # fmt: skip
    done = [row for row in rows if not row["refused"]]
    found = {
        "edits": len(rows), "refused": len(rows) - len(done),
        "median share of samples kept bit for bit": statistics.median(r["kept"] for r in done),
        "longest change, seconds": max(r["changed seconds"] for r in done),
        "new word heard": statistics.mean(r["new heard"] for r in done),
        "old word gone": statistics.mean(r["old gone"] for r in done),
        "word errors": sum(r["errors"][0] for r in done) / sum(r["errors"][1] for r in done),
        "seams, median": statistics.median(r["seam"] for r in done),
        "the same places before": statistics.median(r["seam before"] for r in done),
        "seams above 2": statistics.mean(r["seam"] > 2 for r in done),
        "DNSMOS": statistics.mean(r["DNSMOS"] for r in done),
        "DNSMOS before": statistics.mean(r["DNSMOS before"] for r in done),
    }  # fmt: skip
    table(["what", "value"], [[k, f"{v:.3f}" if isinstance(v, float) else v] for k, v in found.items()])
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
