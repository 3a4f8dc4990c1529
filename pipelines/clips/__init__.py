"""Clips without a model: reading them from files, and the tools that cut, turn, pace, enlarge and voice them."""

from pipelines.clips.tools import ClipTools
from pipelines.codecs.films import Film
from pipelines.codecs.video import MAX_BYTES, Cut, Use, film_in, fitted, plan, read_clip, scaled

__all__ = ["MAX_BYTES", "ClipTools", "Cut", "Film", "Use", "film_in", "fitted", "plan", "read_clip", "scaled"]
