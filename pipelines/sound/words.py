"""What a person should know of how their words were read."""

from collections.abc import Iterator

from pipelines.errors import SettingsError
from pipelines.events import Note
from pipelines.score import Wish, read_prompt
from pipelines.score.notes import SPOKEN, readable

EXAMPLES = "'slow piano arpeggio in C minor', 'snare roll' or 'rain on a window'"


def asked_for(prompt: str) -> Wish:
    """What ``prompt`` asks for.

    Raises:
        SettingsError: it names nothing that the model can play.
    """
    wish = read_prompt(prompt)
    if not wish.kind:
        words = f" ({', '.join(wish.unknown)} is not known)" if wish.unknown else ""
        raise SettingsError(
            f"prompt: names no instrument, rhythm or noise that the model can play{words}; write for example {EXAMPLES}"
        )
    return wish


def word_notes(*wishes: Wish) -> Iterator[Note]:
    """Words that nothing was made of, and what the last prompt was read as."""
    if unknown := dict.fromkeys(word for wish in wishes for word in wish.unknown):
        yield Note(f"Not understood and left out: {readable(', '.join(unknown))}")
    if guessed := {word: other for wish in wishes for word, other in wish.guessed}:
        yield Note("Read as: " + ", ".join(f"{word} as {other}" for word, other in guessed.items()))


def said(wish: Wish) -> str:
    """What was understood, in words."""
    key = " ".join([*(SPOKEN[root] for root in wish.roots), *([wish.quality] if wish.quality else [])])
    parts = [wish.name, wish.material, f"in {key}" if key else "", wish.tempo, wish.register, wish.dynamics]
    return ", ".join(part for part in parts if part)
