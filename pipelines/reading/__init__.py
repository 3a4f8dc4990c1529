"""Text to what is spoken: sentences, words and their phones."""

from pipelines.reading.phones import CONSONANTS, PHONES, SILENCE, STOPS, VOWELS, Phone, is_pause, phones_of
from pipelines.reading.reader import MAX_PHONES, Sentence, SpokenWord, notes_of, read

__all__ = [
    "CONSONANTS",
    "MAX_PHONES",
    "PHONES",
    "SILENCE",
    "STOPS",
    "VOWELS",
    "Phone",
    "Sentence",
    "SpokenWord",
    "is_pause",
    "notes_of",
    "is_pause",
    "phones_of",
    "read",
]
