"""Lip-sync: a face and a voice in, a talking clip out."""

from pipelines.lipsync.characters import Character, character, characters
from pipelines.lipsync.film import Film, open_face, open_film
from pipelines.lipsync.pipeline import LipSyncPipeline

__all__ = ["Character", "Film", "LipSyncPipeline", "character", "characters", "open_face", "open_film"]
