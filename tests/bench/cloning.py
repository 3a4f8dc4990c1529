"""What the starter's vocoder leaves of a voice that is cloned: ``python tests/bench/cloning.py RECORDING ...``.

Each recording (of any real voice) becomes frames, as F5-TTS is shown them and makes them, and sound again: the most
that a clone through this vocoder can be. Judged by DNSMOS, by who speaks, and by the words that Whisper tiny.en hears.
"""

import argparse
from pathlib import Path

import judges
import numpy as np
import torch
from common import table

from pipelines.codecs.audio import mono, read_sound, resampled
from pipelines.codecs.mel import SAMPLE_RATE, SPREAD, mel
from pipelines.media import Sound
from pipelines.models.vocoder import load_vocoder
from pipelines.paths import assets
from pipelines.pretrained.voice import LEVEL


def again(vocoder, sound):
    """A recording at the level that the model knows, and the same from its frames."""
    samples = mono(resampled(sound, SAMPLE_RATE)).samples[0]
    samples = np.clip(samples * max(1.0, LEVEL / np.sqrt(np.square(samples).mean())), -1, 1).astype(np.float32)
    made = vocoder(mel(torch.from_numpy(samples)[None]))[0].numpy().clip(-1, 1)
    return Sound(samples[None], SAMPLE_RATE), Sound(made[None], SAMPLE_RATE)


def row(vocoder, path):
    """Name, seconds, and what is left."""
    before, after = again(vocoder, read_sound(path)[0])
    frames = [mel(torch.from_numpy(each.samples)) for each in (before, after)]
    errors, words = judges.word_errors(*(judges.plain_words(judges.heard(each)) for each in (before, after)))
    return [
        path.stem, f"{before.seconds:.1f}", f"{judges.quality(before):.2f}", f"{judges.quality(after):.2f}",
        f"{float(judges.voice_of(before) @ judges.voice_of(after)):.3f}", f"{errors} of {words}",
        f"{float((frames[0] - frames[1]).abs().mean()) * SPREAD:.3f}",
    ]  # fmt: skip


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recordings", nargs="+", type=Path)
    vocoder = load_vocoder(assets() / "weights" / "vocoder")
    heading = ["recording", "s", "DNSMOS", "again", "likeness", "words heard otherwise", "error of frames, nats"]
    table(heading, (row(vocoder, path) for path in parser.parse_args().recordings))


if __name__ == "__main__":
    main()
