"""How exactly the aligner finds phones: ``python tests/bench/aligner.py --data DATA [--count 25] [--json OUT]``.

Held-out sentences of every voice; the truth is what the synthesisers say of their phones' times.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from common import Report

from pipelines.models.aligner import load_aligner
from pipelines.paths import assets
from pipelines.training.aligner import boundary_errors
from pipelines.training.data.speech import VOICES, SpeechSet


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data/speech"))
    parser.add_argument("--weights", type=Path, default=assets() / "weights" / "aligner")
    parser.add_argument("--count", type=int, default=25)
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    aligner, speech = load_aligner(chosen.weights), SpeechSet.load(chosen.data).subset(held_out=True)
    report = Report(chosen.json)
    for voice in VOICES:
        some = replace(speech, utterances=[u for u in speech.utterances if u.voice == voice][: chosen.count])
        off, outer = boundary_errors(aligner, some)
        report.add(
            voice,
            {
                "mean ms": float(off.mean()), "within 20 ms": float((off <= 20).mean()),
                "within 50 ms": float((off <= 50).mean()), "beside pauses, mean ms": float(np.mean(outer)),
            },
        )  # fmt: skip


if __name__ == "__main__":
    main()
