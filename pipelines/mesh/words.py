"""What a person should know of how their words were read."""

from collections.abc import Iterator

from pipelines.events import Note
from pipelines.models.shapes import KINDS, Reading


def recipe_notes(prompt: str, reading: Reading) -> Iterator[Note]:
    """Notes on ``prompt`` as it was read; none for one that was understood whole, or is empty."""
    if not prompt.strip():
        return
    kind = KINDS[reading.recipe.kind - 1].name if reading.recipe.kind else None
    for word, name in reading.taken.items():
        yield Note(f"'{word}' is not known; taken for '{name}'.")
    if kind is None:
        known = ", ".join(each.name for each in KINDS)
        yield Note(f"No kind of object that this model knows is named; it makes: {known}.")
    if reading.unknown:
        yield Note(f"Words that say nothing to this model: {', '.join(reading.unknown)}")
    if reading.idle:
        yield Note(f"A {kind} has nothing of the kind here, or not so many: {', '.join(reading.idle)}")
