"""Pictures on the stage: one on its checkerboard, several side by side, or before and after.

Drawn as HTML rather than with picture components: those re-encode what they show, and they flash when a preview
replaces another. Gradio patches the HTML in place, so the stage never jumps.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from pipelines.errors import StudioError
from studio.jobs import Job
from studio.language import Phrase, phrase, said, say
from studio.pictures import address, is_small, large
from studio.prompts import words_of
from studio.session import Result, Session
from studio.stage import badge, tile


class Pictures:
    """The :class:`~studio.boards.Board` of pictures."""

    def whole(self, session: Session, *, fresh: bool = False) -> str:
        """The picked result, with those of the same run beside it, or before and after for an edit."""
        result = session.result
        if result is None:
            return '<div class="board empty"><p>' + say("Your picture will appear here.") + "</p></div>"
        together = session.together
        if len(together) > 1:
            tiles = "".join(tile(i, each, i == session.picked, self.tile(each)) for i, each in together)
            return f'<div class="board many n{_columns(len(together))}">{tiles}{badge(result)}</div>'
        words = escape(words_of(result.settings), quote=True)
        after = f'<img class="after" src="{large(result.path)}" alt="{words}">'
        before = _before(result.source)
        return f'<div class="board">{after}{badge(result)}</div>' if before is None else _compare(after, before, result)

    def running(self, job: Job, folder: Path) -> str | None:
        """The clean estimates of a running job, in the places where the results will stand."""
        files = sorted(folder.glob("preview-*.png"))
        try:
            return _estimates(files) if files else None
        except OSError:
            return None  # the job ended this moment and its previews with it

    def facts(self, result: Result) -> list[Phrase | str]:
        """Width and height, and that what is seen is not pixel for pixel the file."""
        width, height = result.size
        size = f"{width} × {height} px"
        return [phrase("{size}, shown larger", size=size) if is_small(result.path) else size]

    def tile(self, result: Result) -> str:
        """The picture itself."""
        return f'<img src="{address(result.path)}" alt="">'


def _compare(after: str, before: str, result: Result) -> str:
    # A range field is the handle: it works with a finger, a mouse and the arrow keys.
    return (
        f'<div class="board compare">{after}'
        f'<img class="before" src="{before}" {said("alt", "Before the edit")}>'
        f'<input type="range" min="0" max="100" value="50" {said("aria-label", "Before and after")}>'
        '<i class="cut" aria-hidden="true"></i>'
        f"{phrase('Before').html(classes='side left')}{phrase('After').html(classes='side right')}{badge(result)}</div>"
    )


def _estimates(files: Sequence[Path]) -> str:
    many = f" many n{_columns(len(files))}" if len(files) > 1 else ""
    shown = "".join(f'<img class="after" src="{address(file)}" {said("alt", "Preview")}>' for file in files)
    return f'<div class="board running{many}">{shown}</div>'


def _before(source: Path | None) -> str | None:
    if source is None or not source.exists():
        return None
    try:
        return large(source)
    except StudioError:
        return None


def _columns(items: int) -> int:
    return items if items <= 3 else 2 if items == 4 else 3 if items <= 6 else 4
