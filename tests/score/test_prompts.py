"""Prompts read into scores: what is named, what is left open, and what nothing was made of."""

import numpy as np
import pytest

from pipelines.score import NOTHING, Note, Score, read_prompt, scored
from pipelines.score.composing import RHYTHMS
from pipelines.score.editing import changed, continued, moved
from pipelines.score.instruments import INSTRUMENTS
from pipelines.score.noises import MODIFIERS, NOISES, modifiers_of
from pipelines.score.recordings import RECORDINGS, SECONDS
from pipelines.score.timbres import TIMBRES


@pytest.mark.parametrize(
    "prompt, kind, name, timbre",
    [
        ("slow piano arpeggio in C minor", "played", "piano", "program 0"),
        ("rain on a window", "noise", "rain", "noise rain"),
        ("snare roll", "rhythm", "snare roll", "kit 0"),
        ("drum roll", "rhythm", "snare roll", "kit 0"),
        ("strings chord in G major, fast", "played", "strings", "program 48"),
        ("808 rock beat", "rhythm", "rock beat", "kit 25"),
        ("guitar E minor chord", "played", "guitar", "program 24"),
        ("ambient piano chord", "recording", "ambient piano chord", "recording ambi_piano"),
        ("church bells", "played", "tubular bells", "program 14"),
        ("a bell", "noise", "bell", "noise bell"),
        ("violins", "played", "violin", "program 40"),
        ("Am7 on guitar", "played", "guitar", "program 24"),
        ("happy music", "played", "piano", "program 0"),
        ("kick drum", "recording", "kick drum", None),
        ("pianno melody", "played", "piano", "program 0"),
        ("ELECTRIC PIANO!!!", "played", "electric piano", "program 4"),
        ("a door slam", "recording", "door slam", "recording perc_door"),
    ],
)
def test_a_prompt_names_what_sounds(prompt, kind, name, timbre):
    wish = read_prompt(prompt)
    assert (wish.kind, wish.name) == (kind, name) and not wish.unknown
    score = scored(wish, 4.0, 1)
    assert score.timbre in TIMBRES and score.timbre == (timbre or score.timbre) and score.notes


def test_everything_that_can_sound_is_named_by_its_own_name():
    for instrument in INSTRUMENTS:
        for name in (instrument.name, *instrument.synonyms):
            wish = read_prompt(f"{name} note C")
            assert (wish.kind, wish.name, wish.roots) == ("played", instrument.name, (0,)), name
    for name, texts in NOISES.items():
        assert all(read_prompt(text).name == name for text in texts if text not in ("static", "hiss")), name
    for captions in RHYTHMS:
        assert read_prompt(captions[0]).name == captions[0]
    assert set(SECONDS) == set(RECORDINGS) and len(set(TIMBRES)) == len(TIMBRES)


def test_the_words_say_key_material_tempo_and_height():
    wish = read_prompt("fast high loud flute scale down in F sharp minor")
    assert (wish.material, wish.roots, wish.quality, wish.direction) == ("scale", (6,), "minor", "down")
    assert (wish.tempo, wish.register, wish.dynamics) == ("fast", "high", "loud")
    score = scored(wish, 4.0, 0)
    keys = [note.key for note in score.notes[:8]]
    assert keys == sorted(keys, reverse=True) and keys[-1] == 72 + 12 + 6
    assert min(note.velocity for note in score.notes) > 105
    slow, fast = (len(scored(read_prompt(f"{tempo} piano arpeggio in C"), 6, 2).notes) for tempo in ("slow", "fast"))
    assert fast > 2.5 * slow


def test_two_notes_are_played_in_turn_and_beats_a_minute_are_kept():
    keys = [note.key % 12 for note in scored(read_prompt("C E G on piano"), 4, 0).notes[:6]]
    assert keys == [0, 4, 7, 0, 4, 7]
    for prompt, step in (("piano arpeggio in C, 90 bpm", 30 / 90), ("rock beat, 120 bpm", 15 / 120)):
        notes = scored(read_prompt(prompt), 8, 0).notes
        starts = np.unique([round(note.start, 4) for note in notes])
        assert np.diff(starts).min() == pytest.approx(step, rel=0.02) and starts[-1] > 7


def test_a_long_chord_is_struck_again_and_a_short_one_once():
    starts = {seconds: {note.start for note in scored(read_prompt("organ C major chord"), seconds, 0).notes}
              for seconds in (3.2, 10.0)}  # fmt: skip
    assert len(starts[3.2]) == 1 and len(starts[10.0]) == 3


def test_words_that_nothing_is_made_of_are_said():
    assert read_prompt("dog barking in space").kind == "" and read_prompt("dog barking in space").unknown
    assert read_prompt("slow wobbly piano in C minor, please").unknown == ("wobbly", "please")
    assert read_prompt("heavy rain").words == ("heavy",) and not read_prompt("heavy rain").unknown
    assert read_prompt("pianno").guessed == (("pianno", "piano"),)
    assert read_prompt("") == read_prompt("  ...  ") and scored(read_prompt(""), 4, 0) == NOTHING


@pytest.mark.parametrize(
    "text", ["", "\U0001f3b9", "\u96e8\u58f0", "<script>", "a" * 50_000, "piano " * 3000, "\0", "%s{}"]
)
def test_odd_prompts_are_read_without_harm(text):
    assert read_prompt(text).kind in ("", "played")


def test_words_vary_a_noise_under_whatever_name():
    assert modifiers_of("howling wind") == ("strong",) and modifiers_of("sine sweep up") == ("sine", "rising")
    assert all(set(modifiers_of(text)) <= set(MODIFIERS) for texts in NOISES.values() for text in texts)


HEARD = (Note(0.0, 0.4, 60, 84), Note(0.5, 0.4, 64, 84), Note(1.0, 0.4, 67, 84))


def edit(was, wanted):
    return changed(read_prompt(was), read_prompt(wanted), HEARD, 4.0, 0)


def test_an_instrument_takes_over_the_notes_that_were_heard():
    assert edit("piano", "strings") == (Score("program 0", HEARD), Score("program 48", HEARD))
    assert edit("", "strings") == (Score("", HEARD), Score("program 48", HEARD))
    assert edit("piano arpeggio in C major", "violin arpeggio in C major")[1].notes == HEARD


def test_keys_move_between_the_keys_that_are_named():
    up = edit("piano arpeggio in C major", "strings arpeggio in D major")[1]
    assert [note.key for note in up.notes] == [62, 66, 69] and [note.start for note in up.notes] == [0.0, 0.5, 1.0]
    minor = edit("piano in C major", "piano in C minor")[1]
    assert [note.key for note in minor.notes] == [60, 63, 67]
    assert [n.key for n in moved(minor.notes, read_prompt("piano in C minor"), read_prompt("piano in C major"))] == [
        60, 64, 67,
    ]  # fmt: skip
    down = edit("piano note C", "piano note A")[1]
    assert down.notes[0].key == 57  # the nearer way


def test_other_material_or_tempo_means_new_notes():
    for wanted in ("fast strings arpeggio in C major", "slow strings scale in C major"):
        assert edit("slow piano arpeggio in C major", wanted)[1].notes != HEARD
    rain = edit("piano", "rain")[1]
    assert rain.timbre == "noise rain" and edit("rain", "wind")[0].timbre == "noise rain"
    was, wanted = edit("rock beat", "808 rock beat")
    assert (was.timbre, wanted.timbre) == ("kit 0", "kit 25") and not was.notes and not wanted.notes


def test_what_goes_on_begins_where_the_sound_ends():
    score = continued(read_prompt("piano arpeggio in C"), HEARD, 3.0, 4.0, 0)
    assert score.notes[:3] == HEARD and score.notes[3].start == 3.0
    assert continued(read_prompt("rain"), (), 3.0, 4.0, 0).notes[0].start == 0
    assert min(note.start for note in continued(read_prompt("rock beat"), (), 3.0, 4.0, 0).notes) == 3.0
