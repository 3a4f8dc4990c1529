"""A ready-made voice beside the flow model, named as what it is."""

import time
from collections.abc import Iterator

import numpy as np

from pipelines.codecs.audio import normalised
from pipelines.codecs.mel import SAMPLE_RATE
from pipelines.events import Done, Event, Note, Piece
from pipelines.media import Sound
from pipelines.reading import notes_of, read
from pipelines.sampling import seeds_of
from pipelines.settings import SpeechSettings
from pipelines.speech.clock import StretchClock
from pipelines.speech.levels import gain_to, sound_of


class ReadyVoice:
    """hibari's voice as it is: a ready-made network, not a flow model, offered for its quality."""

    def __init__(self) -> None:
        from hibari import Hibari

        self.voice = Hibari()

    def generate(self, settings: SpeechSettings) -> Iterator[Event[Sound]]:
        """Read ``settings.text``, a piece a sentence; it does not say when which word comes."""
        started = time.monotonic()
        sentences = read(settings.text)
        yield from (Note(text) for text in notes_of(sentences))
        (seed,) = seeds_of(settings, 1)
        gain = gain_to(settings.loudness)
        pause = np.zeros(round(settings.pause / settings.speed * SAMPLE_RATE), np.float32)
        clock = StretchClock(len(sentences), 1, started)
        parts: list[np.ndarray] = []
        for number, sentence in enumerate(sentences):
            said = self.voice(sentence.text, settings.speed, seed + number)
            samples = np.concatenate([said, pause]) if number < len(sentences) - 1 else said
            parts.append(samples)
            yield Piece(sound_of(np.clip(samples * gain, -1, 1), ()))
            clock.finished(1)
            yield clock.said(1, 0)
        whole = sound_of(np.clip(np.concatenate(parts), -1, 1), ())
        yield Done((normalised(whole, settings.loudness),), (seed,), len(sentences), time.monotonic() - started)
