"""How a recording is cut open and filled: which frames stay, which are made anew, and what is said in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipelines.errors import MediaError, SettingsError
from pipelines.reading.change import Change
from pipelines.reading.phones import SILENCE, STOPS, is_pause
from pipelines.reading.reader import SpokenWord

MARGIN = 6  # frames (64 ms) to either side of a word in which the quietest place for a cut is looked for
LONGEST_PAUSE = 32  # frames of the silence at the end that come before words that are added there
AROUND = 4  # words to either side of new ones that their durations are told
PAUSE = 3  # frames from which on a gap between words is a pause
CONTEXT = 128  # frames (1.4 s) of the recording that are shown to either side of what is made
ISLAND = 48  # frames: where less than this stays between two places, they are made together
PACES = (0.5, 2.0)  # a recording is taken for at most this much faster or slower than the voice's own pace
# Nats a frame, by the aligner. Measured: sentences that are said -0.2 to -2.1, others below -3.5, words that are said
# above -2.5 in nineteen of twenty cases, others below -3.1.
MISFIT, WORD_MISFIT = -2.6, -3.1
SURE = 3  # phones: shorter words are said in too many ways to judge
UNTOLD = -100.0  # nats of a whole pause: silence and noise lose at most 70, a word that is spoken in it 150 or more

# Symbols, the stress of each, and which begin a word -> frames of each.
Durations = Callable[[str, Sequence[int], Sequence[int]], Sequence[float]]


@dataclass(frozen=True)
class Line:
    """Words as one row of phones, with a pause wherever one may be: at both ends and after each word.

    Attributes:
        symbols: phones and pauses.
        stresses: of each.
        words: the first phone of each word, and the first after it.
    """

    symbols: str
    stresses: tuple[int, ...]
    words: tuple[tuple[int, int], ...]


def line_of(words: Sequence[SpokenWord]) -> Line:
    """The row of phones of ``words``; a pause that is not written is a comma, as the voices were taught."""
    symbols, stresses, places = SILENCE, [0], []
    for word in words:
        places.append((len(symbols), len(symbols) + len(word.phones)))
        symbols += "".join(phone.symbol for phone in word.phones) + (word.stop or ",")
        stresses += [*(phone.stress for phone in word.phones), 0]
    return Line(symbols + SILENCE, (*stresses, 0), tuple(places))


def check_fit(words: Sequence[SpokenWord], line: Line, lengths: Sequence[int], scores: Sequence[float]) -> list[str]:
    """Notes on words that do not sound like the recording, by the aligner's scores.

    Raises:
        MediaError: the recording says something else than ``words``.
    """
    said = [index for index, symbol in enumerate(line.symbols) if not is_pause(symbol)]
    frames = max(1, sum(lengths[index] for index in said))
    if (score := sum(scores[index] * lengths[index] for index in said) / frames) < MISFIT:
        raise MediaError(
            f"source_text: the recording does not seem to say this (fit {score:.1f}, at least {MISFIT}); type the "
            "words that are spoken in it, all of them and no others"
        )
    odd, more = [], []
    for word, (first, last) in zip(words, line.words, strict=True):
        inside = range(first, last)
        length = max(1, sum(lengths[index] for index in inside))
        fit = sum(scores[index] * lengths[index] for index in inside) / length
        if fit < WORD_MISFIT and len(inside) >= SURE:
            odd.append(word.text)
        if scores[last] * lengths[last] < UNTOLD:
            more.append(word.text)
    notes = [f"these words do not sound like the recording, check them: {_named(odd)}"] if odd else []
    if scores[0] * lengths[0] < UNTOLD:
        notes.append("the recording says something before the first of these words, which stays as it is")
    if more:
        notes.append(f"the recording says something that is not among these words after: {_named(more)}")
    return notes


def _named(words: Sequence[str]) -> str:
    shown = ", ".join(word.strip('.,;:!?"“”') for word in words[:6])
    return shown + (" …" if len(words) > 6 else "")


@dataclass(frozen=True)
class Splice:
    """Frames ``first`` to before ``last`` of the recording give way to ``begin`` to before ``end`` of the new."""

    first: int
    last: int
    begin: int
    end: int


@dataclass(frozen=True)
class EditPlan:
    """The new recording, frame by frame.

    Attributes:
        symbols: phones and pauses that are spoken, each at least one frame long.
        stresses: of each.
        lengths: frames of each.
        origin: for each frame the recording's frame that it is, or -1 where it is made [T].
        splices: where they differ, in order.
        words: the first frame of each word of the new text, and the first after it.
        pace: how much slower than the voice's own pace the recording is.
    """

    symbols: str
    stresses: tuple[int, ...]
    lengths: tuple[int, ...]
    origin: np.ndarray
    splices: tuple[Splice, ...]
    words: tuple[tuple[int, int], ...]
    pace: float

    @property
    def windows(self) -> tuple[tuple[int, int], ...]:
        """Frames to work on at once, from and to before: what is made, with the recording around it.

        Every splice is in exactly one; a window shows other made frames only as far as they are in it.
        """
        groups: list[list[Splice]] = []
        for splice in self.splices:
            if groups and splice.begin - groups[-1][-1].end < ISLAND:
                groups[-1].append(splice)
            else:
                groups.append([splice])
        found = []
        for number, group in enumerate(groups):
            low = groups[number - 1][-1].end if number else 0
            high = groups[number + 1][0].begin if number + 1 < len(groups) else len(self.origin)
            found.append((max(low, group[0].begin - CONTEXT), min(high, group[-1].end + CONTEXT)))
        return tuple(found)

    def within(self, window: tuple[int, int]) -> tuple[str, tuple[int, ...]]:
        """Phones that are spoken in a window of frames, from and to before, and the frames of each that lie in it."""
        first, last = window
        ends = np.cumsum(self.lengths)
        inside = np.minimum(ends, last) - np.maximum(ends - self.lengths, first)
        kept = [(symbol, int(count)) for symbol, count in zip(self.symbols, inside, strict=True) if count > 0]
        return "".join(symbol for symbol, _ in kept), tuple(count for _, count in kept)


def plan_edit(
    source: Line, lengths: Sequence[int], target: Sequence[SpokenWord], changes: Sequence[Change],
    level: np.ndarray, durations: Durations, speed: float = 1.0,
) -> EditPlan:  # fmt: skip
    """Plan the changes of a recording.

    Args:
        source: the words that are spoken in it.
        lengths: frames of each of its phones, as aligned; their sum is the recording's length T.
        target: words of the new text.
        changes: from the one to the other.
        level: loudness of each frame [T], in any unit that grows with it.
        durations: how long the voice holds phones at its own pace.
        speed: of what is made, against the recording's own pace.
    """
    ends = np.concatenate([[0], np.cumsum(lengths)]).astype(int)
    spans = [(int(ends[first]), int(ends[last])) for first, last in source.words]
    pace = _pace(source, lengths, durations)
    build = _Builder(source, lengths, level)
    kept: list[tuple[int, int, int]] = []  # target word, and its frames in the recording
    for change in changes:
        if change.kind == "kept":
            kept += [(change.begin + n, *spans[change.first + n]) for n in range(change.last - change.first)]
            continue
        gaps = _Gaps.around(change, spans, int(ends[-1]))
        begin, end = _place(change, spans, gaps, target)
        pauses = (begin - gaps.left >= PAUSE, gaps.right - end >= PAUSE)
        made = _made(target, (change.begin, change.end), pauses, pace / speed, durations)
        # The recording's own pause stands where there is one on that side; nothing pauses at the very end.
        if pauses[1] or change.last == len(spans):
            made = made.without_last_pause()
        if not made.symbols and all(pauses):
            # Words go between two pauses: of these stays as much as the longer one is, and nothing has to be made.
            begin, end = cuts = gaps.joined(begin, end, level)
        else:
            cuts = gaps.cuts(begin, end, level)
        build.replace(cuts, (begin, end), made, change.begin)
    return build.finished(kept, len(target), pace)


def _pace(source: Line, lengths: Sequence[int], durations: Durations) -> float:
    said = [index for index, symbol in enumerate(source.symbols) if not is_pause(symbol)]
    expected = durations(source.symbols, source.stresses, [first for first, _ in source.words])
    ratio = sum(lengths[index] for index in said) / max(1e-6, float(sum(expected[index] for index in said)))
    return float(np.clip(ratio, *PACES))


@dataclass(frozen=True)
class _Gaps:
    """Around words that change: where the word before ends and the next begins, and how far a cut may reach."""

    left: int
    right: int
    lowest: int
    highest: int

    @classmethod
    def around(cls, change: Change, spans: Sequence[tuple[int, int]], frames: int) -> "_Gaps":
        left = spans[change.first - 1][1] if change.first else 0
        right = spans[change.last][0] if change.last < len(spans) else frames
        # Half of a short neighbour, at least, stays as it was.
        before = (left - spans[change.first - 1][0]) // 2 if change.first else 0
        after = (spans[change.last][1] - right) // 2 if change.last < len(spans) else 0
        return cls(left, right, left - min(before, MARGIN), right + min(after, MARGIN))

    def cuts(self, begin: int, end: int, level: np.ndarray) -> tuple[int, int]:
        """The quietest frame of the pause on either side, or where there is none, near the edge."""
        first = _quietest(level, self.left if begin - self.left >= PAUSE else self.lowest, begin)
        return first, _quietest(level, end, self.right if self.right - end >= PAUSE else self.highest)

    def joined(self, begin: int, end: int, level: np.ndarray) -> tuple[int, int]:
        first = _quietest(level, self.left, begin)
        wanted = max(begin - self.left, self.right - end) - (first - self.left)
        return first, max(end, self.right - max(wanted, 0))


def _place(
    change: Change, spans: Sequence[tuple[int, int]], gaps: _Gaps, target: Sequence[SpokenWord]
) -> tuple[int, int]:
    """Frames of the recording that are no longer said: the words themselves, not the pauses around them."""
    if change.first < change.last:
        return spans[change.first][0], spans[change.last - 1][1]
    left, right = gaps.left, gaps.right
    if right - left < PAUSE:
        return left, left
    # Into a pause: after it where the text has a stop before the new words, or they begin it; else before it.
    after = change.begin == 0 or bool(target[change.begin - 1].stop)
    if after and change.last == len(spans):
        left = left + min(2 * (right - left) // 3, LONGEST_PAUSE)  # some of the silence at the end stays at the end
        return left, left
    return (right, right) if after else (left, left)


def _quietest(level: np.ndarray, first: int, last: int) -> int:
    """The quietest of the places to cut from ``first`` to ``last``; the middle one of several that are as quiet."""
    places = np.arange(first, last + 1)
    before, after = level[np.maximum(places - 1, 0)], level[np.minimum(places, len(level) - 1)]
    loud = np.maximum(before, after)
    quiet = places[loud <= loud.min() + 1e-9]
    return int(quiet[len(quiet) // 2])


@dataclass(frozen=True)
class _Made:
    """New words as phones with their frames; ``words`` are places among the phones."""

    symbols: str
    stresses: tuple[int, ...]
    lengths: tuple[int, ...]
    words: tuple[tuple[int, int], ...]

    def without_last_pause(self) -> "_Made":
        if not self.symbols or self.symbols[-1] not in STOPS:
            return self
        return _Made(self.symbols[:-1], self.stresses[:-1], self.lengths[:-1], self.words)


def _made(
    target: Sequence[SpokenWord], span: tuple[int, int], pauses: tuple[bool, bool], pace: float, durations: Durations
) -> _Made:
    """Words ``span`` of the new text, as long as the voice would hold them at this pace between their neighbours.

    ``pauses`` says whether the recording pauses before and after them. Alone, a word would end as before a silence,
    where its last phone fades and counts as short.
    """
    begin, end = span
    if begin == end:
        return _Made("", (), (), ())
    symbols, stresses, begins, places, inside = SILENCE, [0], list[int](), [], [1, 1]
    for number in range(max(0, begin - AROUND), min(len(target), end + AROUND)):
        word = target[number]
        if number == begin:
            inside[0] = len(symbols)
        begins.append(len(symbols))
        if begin <= number < end:
            places.append((len(symbols) - inside[0], len(symbols) - inside[0] + len(word.phones)))
        symbols += "".join(phone.symbol for phone in word.phones) + word.stop
        stresses += [*(phone.stress for phone in word.phones), *([0] if word.stop else [])]
        if number == end - 1:
            inside[1] = len(symbols)
        if not word.stop and ((number == begin - 1 and pauses[0]) or (number == end - 1 and pauses[1])):
            symbols, stresses = symbols + ",", [*stresses, 0]
    expected = durations(symbols + SILENCE, [*stresses, 0], begins)[inside[0] : inside[1]]
    symbols, stresses = symbols[inside[0] : inside[1]], stresses[inside[0] : inside[1]]
    lengths, owed = [], 0.0
    for length in expected:
        whole = max(2, round(float(length) * pace + owed))
        owed += float(length) * pace - whole
        lengths.append(whole)
    return _Made(symbols, tuple(stresses), tuple(lengths), tuple(places))


class _Builder:
    """The new row of frames as it grows; frames of the recording are copied up to each place that changes."""

    def __init__(self, source: Line, lengths: Sequence[int], level: np.ndarray) -> None:
        if sum(lengths) != len(level):
            raise SettingsError(f"level: one number a frame, got {len(level)} for {sum(lengths)} frames")
        self.phone = np.repeat(np.arange(len(source.symbols)), lengths)
        self.source = source
        self.rows: list[tuple[str, int, int]] = []  # symbol, stress, number of the run it belongs to
        self.origin: list[int] = []
        self.splices: list[Splice] = []
        self.words: dict[int, tuple[int, int]] = {}
        self.done, self.run = 0, 0

    def copy(self, last: int, known: bool = True, first: int | None = None) -> None:
        for frame in range(self.done if first is None else first, last):
            phone = int(self.phone[frame])
            self.rows.append((self.source.symbols[phone], self.source.stresses[phone], phone))
            self.origin.append(frame if known else -1)

    def replace(self, cuts: tuple[int, int], span: tuple[int, int], made: _Made, word: int) -> None:
        """Cut from ``cuts[0]`` to ``cuts[1]``, say what was said outside ``span`` again and ``made`` in its place."""
        first = max(cuts[0], self.done)
        last = max(cuts[1], first)
        self.copy(first)
        begin = len(self.rows)
        self.copy(span[0], known=False, first=first)
        inner = np.concatenate([[0], np.cumsum(made.lengths)]).astype(int) + len(self.rows)
        for index, (start, end) in enumerate(made.words):
            self.words[word + index] = (int(inner[start]), int(inner[end]))
        for symbol, stress, length in zip(made.symbols, made.stresses, made.lengths, strict=True):
            self.run -= 1
            self.rows += [(symbol, stress, self.run)] * length
            self.origin += [-1] * length
        self.copy(last, known=False, first=max(span[1], first))
        self.splices.append(Splice(first, last, begin, len(self.rows)))
        self.done = last

    def finished(self, kept: Sequence[tuple[int, int, int]], count: int, pace: float) -> EditPlan:
        self.copy(len(self.phone))
        for word, first, last in kept:
            self.words[word] = (self._begin(first), self._end(last))
        runs: list[tuple[str, int, int]] = []
        lengths: list[int] = []
        for row in self.rows:
            if runs and runs[-1] == row:
                lengths[-1] += 1
            else:
                runs.append(row)
                lengths.append(1)
        return EditPlan(
            "".join(run[0] for run in runs), tuple(run[1] for run in runs), tuple(lengths), np.array(self.origin),
            tuple(self.splices), tuple(self.words[index] for index in range(count)), pace,
        )  # fmt: skip

    def _begin(self, frame: int) -> int:
        """Where a word that stays begins now: what of it is made anew lies at the end of a splice."""
        moved = 0
        for splice in self.splices:
            if frame >= splice.first:
                moved = splice.end - splice.last
        return frame + moved

    def _end(self, frame: int) -> int:
        """Where a word that stays ends now: what of it is made anew lies at the beginning of a splice."""
        moved = 0
        for splice in self.splices:
            if frame > splice.last:
                moved = splice.end - splice.last
            elif frame > splice.first:
                moved = splice.begin - splice.first
        return frame + moved
