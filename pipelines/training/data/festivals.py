"""Sentences read by Festival: two men more to listen to, one of whom speaks no English.

Their licences permit all use, as flite's does (Carnegie Mellon; Moscow State University). The Russian one reads
syllables drawn at random: nothing of what is learned is a word, only how mouths sound.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.errors import StudioError
from pipelines.reading.phones import SILENCE
from pipelines.training.data.flite import ARPABET
from pipelines.training.data.packages import Package
from pipelines.training.data.spoken import Spoken

PACKAGES = (
    Package(
        "debian", "festvox-kdlpc16k", "1.4.0-6.1",
        "3c359e51b6c85d5f5e00368804c52a68f551b1961ee03a79dde5245bc1accb6c", "BSD-like (CMU)", "a man to listen to",
    ),
    Package(
        "debian", "festvox-ru", "0.5+dfsg-6",
        "21ef3f0f2978ecf2e2eddb367cb0ff4a72572196d28dc69feb84f4177af5e6c4", "BSD-like", "a Russian man to listen to",
    ),
)  # fmt: skip
VOICES = {"ked": "voice_ked_diphone", "nsh": "voice_msu_ru_nsh_clunits"}
BATCH = 40  # texts that one process reads
# What the Russian voice calls its phones; soft consonants are doubled, stressed vowels too.
RUSSIAN = {
    "ii": "i", "yy": "ɪ", "uu": "u", "ee": "ɛ", "oo": "ɔ", "aa": "ɑ", "a": "ʌ", "e": "ɪ", "i": "ɪ", "y": "ɪ", "u": "ʊ",
    "ae": "ə", "ay": "ə", "ur": "ʊ", "c": "ts", "ch": "ʧ", "sh": "ʃ", "sch": "ʃ", "zh": "ʒ", "r": "ɾ", "g": "ɡ",
    "pau": SILENCE,
}  # fmt: skip
_STRESSED = ("ii", "yy", "uu", "ee", "oo", "aa")
_PROGRAM = """
({voice})
(define (read_aloud text path)
  (let ((said (eval (list 'Utterance 'Text text))))
    (utt.synth said)
    (utt.save.wave said path 'riff)
    (mapcar
      (lambda (each) (format t "%s %s\\n" (item.name each) (item.feat each "end")))
      (utt.relation.items said 'Segment))
    (format t "=\\n")))
{reading}
"""


def reading(texts: list[str], voice: str) -> Iterator[tuple[str, Spoken]]:
    """Each of ``texts`` as ``voice`` of Festival reads it, with the phones and their seconds.

    The Russian voice reads as many sentences of syllables instead.
    """
    import soundfile
    import soxr

    for number, first in enumerate(range(0, len(texts), BATCH)):
        said = texts[first : first + BATCH]
        said = said if voice == "ked" else syllables(len(said), number)
        with tempfile.TemporaryDirectory() as place:
            paths = [Path(place) / f"{index}.wav" for index in range(len(said))]
            for text, path, pairs in zip(said, paths, _run(voice, said, paths), strict=True):
                phones, before = [], 0.0
                for symbols, stress, end in pairs:
                    phones += [(symbol, stress, (end - before) / len(symbols)) for symbol in symbols]
                    before = end
                samples, rate = soundfile.read(path, dtype="float32")
                yield text, Spoken(soxr.resample(samples, rate, SAMPLE_RATE).astype(np.float32), phones)


def _run(voice: str, texts: list[str], paths: list[Path]) -> list[list[tuple[str, int, float]]]:
    """Symbols, stress and end of each phone, text by text; the waves are in ``paths``."""
    quoted = [text.replace("\\", " ").replace('"', " ") for text in texts]
    commands = "\n".join(f'(read_aloud "{text}" "{path}")' for text, path in zip(quoted, paths, strict=True))
    program = paths[0].parent / "read.scm"
    program.write_text(_PROGRAM.format(voice=VOICES[voice], reading=commands), encoding="utf-8")
    try:
        done = subprocess.run(["festival", "-b", str(program)], capture_output=True, check=True, text=True)
    except FileNotFoundError:
        raise StudioError("training: Festival is missing; install Debian's packages festival and its voices") from None
    except subprocess.CalledProcessError as error:
        raise StudioError(f"training: Festival stopped: {error.stderr.strip()[-200:]}") from error
    found: list[list[tuple[str, int, float]]] = [[]]
    for line in done.stdout.splitlines():
        if line == "=":
            found.append([])
        else:
            name, end = line.split()
            symbols = ARPABET[name] if voice == "ked" else _russian(name)
            found[-1].append((symbols, int(voice != "ked" and name in _STRESSED), float(end)))
    return found[:-1]


def _russian(name: str) -> str:
    if name in RUSSIAN:
        return RUSSIAN[name]
    hard = name[0] if len(name) == 2 and name[0] == name[1] else name
    return RUSSIAN.get(hard, hard)


def syllables(count: int, seed: int) -> list[str]:
    """``count`` sentences of Russian syllables, in words of one to four."""
    rng = np.random.default_rng((seed, 5))
    consonants, vowels = list("бвгджзклмнпрстфхцчшщ"), list("аоуэыияеёю")

    def word() -> str:
        made = ""
        for _ in range(rng.integers(1, 5)):
            made += str(rng.choice(consonants)) * int(rng.random() < 0.9) + str(rng.choice(vowels))
            made += str(rng.choice(consonants)) * int(rng.random() < 0.2)
        return made

    return [" ".join(word() for _ in range(rng.integers(3, 9))) + "." for _ in range(count)]
