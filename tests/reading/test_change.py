"""What of a recording changes when its words do, and how it is cut open for that."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.errors import MediaError, SettingsError
from pipelines.reading import is_pause, read
from pipelines.reading.change import Change, changes_between, check_changes, spoken_again, words_of
from pipelines.reading.plan import CONTEXT, ISLAND, MARGIN, PAUSE, check_fit, line_of, plan_edit


def words(text):
    return words_of(read(text)) if text.strip() else ()


def changed(source, target):
    """Changes as text: 'kept the cat', 'replaced sat > ran', ..."""
    old, new = words(source), words(target)
    said = []
    for change in changes_between(old, new):
        gone = " ".join(word.text for word in old[change.first : change.last])
        made = " ".join(word.text for word in new[change.begin : change.end])
        said.append(f"{change.kind}: {gone} > {made}" if change.kind != "kept" else f"kept: {made}")
    return said


@pytest.mark.parametrize(
    "source, target, wanted",
    [
        ("The cat sat.", "The cat ran.", ["kept: The cat", "replaced: sat. > ran."]),
        ("The cat sat.", "the CAT, sat!", ["kept: the CAT, sat!"]),
        ("The cat sat.", "The old cat sat.", ["kept: The", "inserted:  > old", "kept: cat sat."]),
        ("The old cat sat.", "The cat sat.", ["kept: The", "removed: old > ", "kept: cat sat."]),
        ("I have 5 cats.", "I have five cats.", ["kept: I have five cats."]),
        ("I have 5 cats.", "I have 6 cats.", ["kept: I have", "replaced: 5 > 6", "kept: cats."]),
        ("It is 3.14 here.", "It is 314 here.", ["kept: It is", "replaced: 3.14 > 314", "kept: here."]),
        ("Their cats.", "There, cats.", ["kept: There, cats."]),
        ("A “quoted” word", "a quoted word", ["kept: a quoted word"]),
        ("don’t go", "don't go", ["kept: don't go"]),
        ("One. Two. Three.", "Zero. Two. Four.", ["replaced: One. > Zero.", "kept: Two.", "replaced: Three. > Four."]),
    ],
)
def test_changes_are_found_whatever_the_case_and_the_punctuation(source, target, wanted):
    assert changed(source, target) == wanted


def test_words_that_are_to_be_spoken_again_are_replaced_by_themselves():
    old, new = words("one two three four five"), words("one two three nine five")
    changes = spoken_again(changes_between(old, new), [False, True, False, False, True])
    assert changes == (
        Change("kept", 0, 1, 0, 1), Change("replaced", 1, 2, 1, 2), Change("kept", 2, 3, 2, 3),
        Change("replaced", 3, 5, 3, 5),
    )  # fmt: skip
    assert spoken_again(changes_between(old, old), [False] * 5) == changes_between(old, old)


def test_what_is_no_edit_is_refused():
    old = words("one two three")
    with pytest.raises(SettingsError, match="text: says the same as the recording; change a word"):
        check_changes(changes_between(old, words("One, two: three!")))
    with pytest.raises(SettingsError, match="text: no word of the recording stays"):
        check_changes(changes_between(old, words("four five")))
    with pytest.raises(SettingsError, match="text: is empty; type the words as they should be"):
        check_changes(changes_between(old, ()))
    check_changes(changes_between(old, words("one two")))


VOCABULARY = "the cat sat on a red mat and dogs ran away quickly".split()
TEXTS = st.lists(
    st.tuples(st.sampled_from(VOCABULARY), st.sampled_from(["", "", "", ",", "."])), min_size=1, max_size=9
)


def written(parts):
    return " ".join(word + stop for word, stop in parts)


def five(symbols, stresses, begins):
    """A voice that holds every phone five frames, and pauses for ten."""
    return [10.0 if is_pause(symbol) else 5.0 for symbol in symbols]


def recorded(text, draw):
    """A recording of ``text``: its row of phones, their frames, and the loudness of each frame."""
    line = line_of(words(text))
    lengths = [
        draw(st.sampled_from([0, 0, 1, 4, 12])) if is_pause(symbol) else draw(st.integers(2, 9))
        for symbol in line.symbols
    ]
    level = np.concatenate(
        [
            np.full(length, 0.01 if is_pause(symbol) else 1.0)
            for symbol, length in zip(line.symbols, lengths, strict=True)
        ]
    )
    return line, lengths, level + 0.001 * np.sin(np.arange(len(level)))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_plan_keeps_what_stays_and_says_what_is_new(data):
    source, target = written(data.draw(TEXTS)), written(data.draw(TEXTS))
    line, lengths, level = recorded(source, data.draw)
    new = words(target)
    changes = changes_between(words(source), new)
    plan = plan_edit(line, lengths, new, changes, level, five)

    frames = len(plan.origin)
    assert frames == sum(plan.lengths) and min(plan.lengths, default=1) >= 1
    known = plan.origin >= 0
    # Exactly the splices are made; between them the recording goes on without a gap.
    made, place, here = ~known, 0, 0
    for splice in plan.splices:
        assert place <= splice.first <= splice.last <= len(level) and here <= splice.begin <= splice.end
        assert np.array_equal(plan.origin[here : splice.begin], np.arange(place, splice.first))
        assert made[splice.begin : splice.end].all()
        place, here = splice.last, splice.end
    assert np.array_equal(plan.origin[here:], np.arange(place, len(level)))
    # Each word of the new text is there once, in order, with its own phones.
    rows = np.repeat(np.arange(len(plan.symbols)), plan.lengths)
    # (A word that stays keeps the phones it was recorded with: "the" before a vowel is another "the".)
    stays = {change.begin + n: change.first + n for change in changes if change.kind == "kept"
             for n in range(change.last - change.first)}  # fmt: skip
    old = words(source)
    phones = [old[stays[n]].phones if n in stays else word.phones for n, word in enumerate(new)]
    before = 0
    for word, (first, last), sound in zip(new, plan.words, phones, strict=True):
        assert before <= first < last <= frames
        spoken = "".join(plan.symbols[row] for row in dict.fromkeys(rows[first:last].tolist()))
        assert spoken == "".join(phone.symbol for phone in sound), (word.text, source, target)
        before = last
    said = "".join(symbol for symbol in plan.symbols if not is_pause(symbol))
    assert said == "".join(phone.symbol for sound in phones for phone in sound)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_little_more_than_the_changed_words_is_touched(data):
    source, target = written(data.draw(TEXTS)), written(data.draw(TEXTS))
    line, lengths, level = recorded(source, data.draw)
    changes = [c for c in changes_between(words(source), words(target)) if c.kind != "kept"]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    plan = plan_edit(line, lengths, words(target), changes_between(words(source), words(target)), level, five)
    assert len(plan.splices) == len(changes)
    for splice, change in zip(plan.splices, changes, strict=True):
        spans = [(ends[first], ends[last]) for first, last in line.words]
        left = spans[change.first - 1][1] if change.first else 0
        right = spans[change.last][0] if change.last < len(spans) else len(level)
        assert left - MARGIN <= splice.first and splice.last <= right + MARGIN
        # Of a word that stays, at least half is the recording's own.
        if change.first:
            assert splice.first >= (spans[change.first - 1][0] + left) // 2


def simple(gap_before=0, gap_after=0):
    """'red cat sat' with six frames a phone and pauses around the cat."""
    line = line_of(words("red cat sat"))
    lengths = [6] * len(line.symbols)
    lengths[0], lengths[-1] = 8, 10
    for (_, last), gap in zip(line.words, (gap_before, gap_after, 0), strict=True):
        lengths[last] = gap
    level = np.ones(sum(lengths))
    ends = np.concatenate([[0], np.cumsum(lengths)])
    for index, symbol in enumerate(line.symbols):
        if is_pause(symbol):
            level[ends[index] : ends[index + 1]] = 0.1
    return line, lengths, level


def planned(target, line, lengths, level, **more):
    changes = changes_between(words("red cat sat"), words(target))
    return plan_edit(line, lengths, words(target), changes, level, five, **more)


@pytest.mark.parametrize(
    "gaps, asked", [((0, 0), "_ɹɛddɔɡsæt._"), ((9, 0), "_ɹɛd,dɔɡsæt._"), ((0, 12), "_ɹɛddɔɡ,sæt._")]
)
def test_new_words_last_as_long_as_between_their_neighbours(gaps, asked):
    heard = []

    def durations(symbols, stresses, begins):
        heard.append(symbols)
        return [5.0 + (symbol == "ɔ") for symbol in symbols]

    line, lengths, level = simple(*gaps)
    changes = changes_between(words("red cat sat"), words("red dog sat"))
    plan = plan_edit(line, lengths, words("red dog sat"), changes, level, durations)
    assert heard[-1].replace("ɑ", "ɔ") == asked
    (first, last) = plan.words[1]
    made = [n for n, end in zip(plan.lengths, np.cumsum(plan.lengths), strict=True) if first < end <= last]
    assert len(made) == 3 and made[1] > made[0]


def test_cuts_are_made_in_the_pauses_where_there_are_any():
    line, lengths, level = simple(9, 12)
    (splice,) = planned("red dog sat", line, lengths, level).splices
    # The pause before the cat is frames 26 to 35, the one after it 53 to 65; each is cut in its middle.
    assert (splice.first, splice.last) == (31, 59)
    level[33] = level[34] = 0.01
    assert planned("red dog sat", line, lengths, level).splices[0].first == 34


def test_without_pauses_the_quietest_place_near_the_edge_is_cut():
    line, lengths, level = simple()
    level[22] = level[23] = 0.2
    (splice,) = planned("red dog sat", line, lengths, level).splices
    assert splice.first == 23
    assert 44 <= splice.last <= 44 + MARGIN


def test_the_pace_is_that_of_the_recording():
    line, lengths, level = simple(9, 12)
    plan = planned("red dog sat", line, lengths, level)
    assert plan.pace == pytest.approx(6 / 5)
    first, last = plan.words[1]
    assert last - first == 3 * 6
    quick = planned("red dog sat", line, lengths, level, speed=2.0)
    assert quick.words[1][1] - quick.words[1][0] == 3 * 3


def test_a_removed_word_between_two_pauses_needs_nothing_made():
    line, lengths, level = simple(9, 12)
    plan = planned("red sat", line, lengths, level)
    assert (plan.origin >= 0).all()
    # Of the two pauses one is left, as long as the longer.
    assert plan.words[1][0] - plan.words[0][1] == 12


def test_a_removed_word_without_pauses_is_bridged():
    line, lengths, level = simple()
    plan = planned("red sat", line, lengths, level)
    assert 0 < (plan.origin < 0).sum() <= 2 * MARGIN
    assert plan.words[0][1] == plan.words[1][0]


def test_words_added_at_the_end_come_after_a_pause():
    line, lengths, level = simple()
    plan = planned("red cat sat. dogs", line, lengths, level)
    assert plan.words[3][0] - plan.words[2][1] >= PAUSE
    assert plan.origin[-1] == len(level) - 1


def test_windows_hold_every_splice_once_and_show_what_is_around():
    text = " ".join(f"cat {word}" for word in VOCABULARY * 6)
    line = line_of(words(text))
    lengths = [0 if is_pause(symbol) else 6 for symbol in line.symbols]
    level = np.ones(sum(lengths))
    old = words(text)
    target = words(text.replace("red", "blue").replace("quickly", "slowly"))
    plan = plan_edit(line, lengths, target, changes_between(old, target), level, five)
    assert len(plan.splices) == 12
    windows = plan.windows
    for splice in plan.splices:
        assert sum(low <= splice.begin and splice.end <= high for low, high in windows) == 1
    for low, high in windows:
        assert 0 <= low < high <= len(plan.origin)
        inside = np.flatnonzero(plan.origin[low:high] < 0)
        assert inside[0] <= CONTEXT and high - low - 1 - inside[-1] <= CONTEXT
        assert inside[0] >= ISLAND or low == 0


def test_a_text_that_is_not_spoken_is_refused_and_an_odd_word_named():
    said = words("red cat sat")
    line = line_of(said)
    lengths = [6] * len(line.symbols)
    assert check_fit(said, line, lengths, [-0.3] * len(lengths)) == []
    with pytest.raises(MediaError, match="source_text: the recording does not seem to say this"):
        check_fit(said, line, lengths, [-5.0] * len(lengths))
    first, last = line.words[1]
    scores = [-5.0 if first <= index < last else -0.3 for index in range(len(lengths))]
    assert check_fit(said, line, lengths, scores) == ["these words do not sound like the recording, check them: cat"]
    # Speech in a pause is said to be there.
    lengths[last] = 60
    scores = [-3.0 if index == last else -0.3 for index in range(len(lengths))]
    (note,) = check_fit(said, line, lengths, scores)
    assert note == "the recording says something that is not among these words after: cat"
    lengths[0], scores = 60, [-3.0 if index == 0 else -0.3 for index in range(len(lengths))]
    assert "before the first of these words" in check_fit(said, line, lengths, scores)[0]


def test_one_level_a_frame_is_asked_for():
    line, lengths, level = simple()
    with pytest.raises(SettingsError, match="level: one number a frame"):
        planned("red dog sat", line, lengths, level[:-1])
