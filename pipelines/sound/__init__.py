"""Music and sounds: words to sound, sounds to other sounds, and sounds that go on."""

from pipelines.codecs.audio import read_sound
from pipelines.sound.pipeline import SoundPipeline

__all__ = ["SoundPipeline", "read_sound"]
