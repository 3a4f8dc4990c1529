"""What is to be heard, as a score: a prompt read into instrument, notes and noises, and drawn frame by frame."""

from pipelines.score.frames import FEATURES, frames_of
from pipelines.score.prompts import Wish, read_prompt, scored
from pipelines.score.score import NOTHING, Note, Score

__all__ = ["FEATURES", "NOTHING", "Note", "Score", "Wish", "frames_of", "read_prompt", "scored"]
