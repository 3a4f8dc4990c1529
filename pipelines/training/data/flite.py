"""Sentences read by flite: four voices of diphones and clustered units, at 16 kHz."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.errors import StudioError
from pipelines.reading.phones import SILENCE, STOPS
from pipelines.training.data.spoken import Spoken

# flite's phones are those of ARPAbet, with no mark of stress.
ARPABET = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "W", "ax": "ə", "axr": "əɹ", "ay": "I", "b": "b", "ch": "ʧ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "er": "ɜɹ", "ey": "A", "f": "f", "g": "ɡ", "hh": "h", "hv": "h",
    "ih": "ɪ", "iy": "i", "jh": "ʤ", "k": "k", "l": "l", "m": "m", "n": "n", "ng": "ŋ", "ow": "O", "oy": "Y", "p": "p",
    "r": "ɹ",
    "s": "s", "sh": "ʃ", "t": "t", "th": "θ", "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
    "en": "ən", "el": "əl", "em": "əm", "nx": "n", "pau": SILENCE, "sil": SILENCE, "ssil": SILENCE,
}  # fmt: skip


def reading(texts: list[str], voice: str) -> Iterator[tuple[str, Spoken]]:
    """Each of ``texts`` as ``voice`` of flite reads it, with the phones and their seconds."""
    import soundfile
    import soxr

    name = "kal16" if voice == "kal" else voice
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "said.wav"
        for text in texts:
            command = ["flite", "-voice", name, "-psdur", "-t", text, "-o", str(path)]
            try:
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            except FileNotFoundError:
                raise StudioError("training: flite is missing; install Debian's package flite") from None
            pairs = [entry.rsplit(":", 1) for entry in said.split()]
            samples, rate = soundfile.read(path, dtype="float32")
            if not pairs or any(name not in ARPABET for name, _ in pairs):
                continue
            phones, before = [], 0.0
            for place_of, (phone, end) in enumerate(pairs):
                symbols, length = ARPABET[phone], float(end) - before
                before = float(end)
                if symbols == SILENCE and 0 < place_of:  # a pause inside is written as a comma, the last as the end
                    symbols = "," if place_of < len(pairs) - 1 else _end_of(text)
                phones += [(symbol, 0, length / len(symbols)) for symbol in symbols]
            yield text, Spoken(soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32), phones)


def _end_of(text: str) -> str:
    return text[-1] if text[-1] in STOPS and not text.endswith("...") else "…" if text.endswith("...") else "."
