"""Scores of edits: what a sound is, and what it is to become or to go on as."""

from collections.abc import Sequence
from dataclasses import replace

from pipelines.score.prompts import Wish, scored
from pipelines.score.score import Note, Score

# Steps above the root that another quality moves, by how many semitones.
FLATTENED = {4: -1, 9: -1, 11: -1}
RAISED = {3: 1, 8: 1, 10: 1}


def changed(was: Wish, wanted: Wish, heard: tuple[Note, ...], seconds: float, seed: int) -> tuple[Score, Score]:
    """Scores of a sound as it is and as it is wanted; ``heard`` are the notes that were heard in it.

    An instrument takes over the notes that were heard, moved where the prompts name two keys, unless they ask for other
    material or another tempo, for which new notes are made. Of a rhythm that stays the same no notes are told, nor of
    one whose own are not known: the sound itself says when it is struck.
    """
    if was.kind == "rhythm" and wanted.kind == "rhythm" and was.name == wanted.name:
        return replace(scored(was, seconds, seed), notes=()), replace(scored(wanted, seconds, seed), notes=())
    before = _as_it_is(was, heard, seconds, seed)
    kept = wanted.kind == "played" and bool(heard) and was.kind in ("played", "") and not _new_notes(was, wanted)
    return before, scored(wanted, seconds, seed, moved(heard, was, wanted) if kept else None)


def _as_it_is(was: Wish, heard: tuple[Note, ...], seconds: float, seed: int) -> Score:
    if was.kind in ("played", "") and heard:
        timbre = scored(was, seconds, seed).timbre
        return Score(timbre, heard)
    score = scored(was, seconds, seed)
    # When things happen in the sound is not known, but that a rain goes on is.
    return replace(score, notes=()) if was.kind in ("played", "rhythm") or len(score.notes) > 1 else score


def _new_notes(was: Wish, wanted: Wish) -> bool:
    pairs = ((was.material, wanted.material), (was.tempo, wanted.tempo))
    return any(old and new and old != new for old, new in pairs)


def moved(notes: Sequence[Note], was: Wish, wanted: Wish) -> tuple[Note, ...]:
    """``notes`` in the key that ``wanted`` names, where both prompts name one."""
    if len(was.roots) != 1 or len(wanted.roots) != 1:
        return tuple(notes)
    up = (wanted.roots[0] - was.roots[0] + 6) % 12 - 6
    bent: dict[int, int] = {}
    if {was.quality, wanted.quality} == {"major", "minor"}:
        bent = FLATTENED if wanted.quality == "minor" else RAISED
    return tuple(note._replace(key=note.key + up + bent.get((note.key - was.roots[0]) % 12, 0)) for note in notes)


def continued(wish: Wish, heard: tuple[Note, ...], given: float, seconds: float, seed: int) -> Score:
    """A score that goes on with ``wish`` for ``seconds`` after ``given`` seconds in which ``heard`` was heard."""
    fresh = scored(wish, seconds, seed).later(given)
    if wish.kind == "noise" and len(fresh.notes) == 1:  # goes on as it has been all along
        return scored(wish, given + seconds, seed)
    if not fresh.played:
        return fresh
    return replace(fresh, notes=(*(note for note in heard if note.start < given), *fresh.notes))
