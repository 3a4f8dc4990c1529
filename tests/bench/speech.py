"""How well the speech starter speaks: ``python tests/bench/speech.py --data DATA [--sentences 100] [--json OUT]``.

Sentences that no training ever saw are read by the flow model's voices and by the ready-made one; Whisper tiny.en
writes down what it hears. Also: quality (DNSMOS), likeness of each voice to its own recordings and to the others',
a long text with every word accounted for, speed, seconds to the first sound and the real-time factor.
"""

import argparse
import statistics
import time
from pathlib import Path

import judges
import numpy as np
from common import Report, table

from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.events import Done, Piece
from pipelines.media import Sound
from pipelines.settings import SpeechSettings
from pipelines.speech import SpeechPipeline
from pipelines.training.data.speech import VOICES, SpeechSet

LONG = (
    "The harbour was quiet when the boats came home. Men in heavy coats threw ropes to the children on the wall, "
    "and the gulls turned above them in wide circles. An old woman counted the baskets as they were lifted out, one "
    "by one, and wrote each number in a small green book. Nobody spoke much. The storm had taken two nets and most "
    "of the afternoon, but every boat was back, and that was enough. Later the lamps were lit along the street, and "
    "the smell of bread drifted down from the bakery on the corner. A boy ran past with a yellow dog at his heels. "
    "He had been told to fetch his father for dinner, but he stopped to look at the largest fish he had ever seen, "
    "silver and blue, lying on the wet stones as if it had only just decided to rest. His father laughed, lifted "
    "him on his shoulders, and carried him up the hill. Behind them the tide came in slowly and covered the marks "
    "on the sand. In the morning the water would be calm again, the sky clear, and the boats would leave before the "
    "sun was up. The old woman closed her book, locked the door of the office, and walked home with her hands in "
    "her pockets. She thought about her own father, who had sailed from the same wall sixty years before, and about "
    "the letters he had written from every port. She still kept them in a wooden box under the window. Some were "
    "only a line or two, but each of them ended with the same words. Keep the lamp burning, he had written, and I "
    "will find the way. So every evening, whatever the weather, she put a light in the window and waited until the "
    "last boat was safe."
)


def spoken(pipeline, **settings):
    """(sound, seconds until the first piece, seconds in all)."""
    started, first = time.perf_counter(), None
    for event in pipeline.generate(SpeechSettings(**settings)):
        if isinstance(event, Piece) and first is None:
            first = time.perf_counter() - started
        if isinstance(event, Done):
            return event.items[0], first, time.perf_counter() - started
    raise AssertionError("no result")


def recordings(data, voice, count):
    """(text, sound) of held-out sentences as the voice itself reads them."""
    speech = SpeechSet.load(data)
    chosen = [u for u in speech.utterances if u.held_out and u.voice == voice]
    found = []
    for u in chosen[:: max(1, len(chosen) // count)][:count]:
        wave = speech.waves[u.begin * HOP : (u.begin + u.frames) * HOP]
        found.append((u.text, Sound(wave[None].astype(np.float32) / 32767, SAMPLE_RATE)))
    return found


def rate(pairs):
    """Word error rate of (text, heard) pairs."""
    counts = [judges.word_errors(judges.plain_words(text), judges.plain_words(heard)) for text, heard in pairs]
    return sum(errors for errors, _ in counts) / sum(words for _, words in counts)


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("data/speech"))
    parser.add_argument("--sentences", type=int, default=100)
    parser.add_argument("--others", type=int, default=20, help="sentences of each other voice")
    parser.add_argument("--steps", type=int, default=SpeechSettings.model_fields["steps"].default)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--only", nargs="*", default=list(VOICES))
    chosen = parser.parse_args()
    pipeline, ready = SpeechPipeline.load(), SpeechPipeline.load("hibari")
    report = Report(chosen.json)
    report.add("steps", chosen.steps)
    voices = {}
    spoken(pipeline, text="Warm up.", seed=1)
    rows, samples = [], {}
    for voice in chosen.only:
        true = recordings(chosen.data, voice, chosen.sentences if voice == VOICES[0] else chosen.others)
        made, times = [], []
        for number, (text, _) in enumerate(true):
            sound, first, seconds = spoken(pipeline, text=text, voice=voice, seed=number, steps=chosen.steps)
            made.append((text, sound))
            times.append((seconds / sound.seconds, first))
        samples[voice] = (made, true)
        voices[voice] = {
            "sentences": len(true),
            "word errors": rate([(t, judges.heard(s)) for t, s in made]),
            "word errors of the recordings": rate([(t, judges.heard(s)) for t, s in true]),
            "DNSMOS": statistics.mean(judges.quality(s) for _, s in made[:40]),
            "DNSMOS of the recordings": statistics.mean(judges.quality(s) for _, s in true[:40]),
            "real-time factor": statistics.median(t for t, _ in times),
            "first sound": statistics.median(f for _, f in times),
            "longer than the recordings": sum(s.seconds for _, s in made) / sum(s.seconds for _, s in true) - 1,
        }
        report.add("voices", voices)
        v = voices[voice]
        rows.append([voice, len(true), *(f"{v[k]:.3f}" for k in list(v)[1:])])
    print()
    table(["voice", *list(voices[chosen.only[0]])], rows)

    centre = {v: np.mean([judges.voice_of(s) for _, s in true[:12]], axis=0) for v, (_, true) in samples.items()}
    centre = {v: c / np.linalg.norm(c) for v, c in centre.items()}
    rows = []
    for voice, (made, _) in samples.items():
        own = [judges.voice_of(s) for _, s in made[:12]]
        likeness = {other: float(np.mean([e @ c for e in own])) for other, c in centre.items()}
        voices[voice]["likeness"] = likeness
        rows.append([voice, *(f"{likeness[other]:.2f}" for other in centre)])
    report.add("voices", voices)
    table(["spoken by the model as", *(f"like {other}" for other in centre)], rows)

    sound, first, seconds = spoken(pipeline, text=LONG, seed=5, steps=chosen.steps)
    said, heard = judges.plain_words(LONG), judges.plain_words(judges.heard(sound))
    timed = [word.text for word in sound.words]
    long = {
        "words": len(LONG.split()), "words timed": len(timed), "in order": timed == LONG.split(),
        "word errors": judges.word_errors(said, heard)[0] / len(said), "words heard": len(heard),
        "seconds": sound.seconds, "real-time factor": seconds / sound.seconds, "first sound": first,
    }  # fmt: skip
    teacher, _, _ = spoken(ready, text=LONG, seed=5, model="hibari")
    heard = judges.plain_words(judges.heard(teacher))
    long["word errors of the ready-made voice"] = judges.word_errors(said, heard)[0] / len(said)
    report.add("long", long)
    table(list(long), [[f"{v:.3f}" if isinstance(v, float) else v for v in long.values()]])

    text = LONG[:400].rsplit(".", 1)[0] + "."
    lengths = {speed: spoken(pipeline, text=text, speed=speed, seed=1)[0].seconds for speed in (0.7, 0.85, 1, 1.3, 1.7)}
    off = {speed: lengths[1] / length / speed - 1 for speed, length in lengths.items()}
    report.add("speed", off)
    table(["speed", "off by"], [[speed, f"{100 * each:.1f}%"] for speed, each in off.items()])


if __name__ == "__main__":
    main()
