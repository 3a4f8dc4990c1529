"""Speech: text read aloud, and words of a recording changed."""

from pipelines.codecs.audio import read_sound
from pipelines.speech.pipeline import SpeechPipeline
from pipelines.speech.ready import ReadyVoice

__all__ = ["ReadyVoice", "SpeechPipeline", "read_sound"]
