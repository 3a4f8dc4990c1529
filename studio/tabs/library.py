"""The library tab: find, look at, compare, keep, delete, and take up again everything that was ever made."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.settings import kind_of
from studio import shelf
from studio.events import QUICK
from studio.exports import titles
from studio.language import html_of, marked, phrase, why
from studio.library import Asset
from studio.session import Result
from studio.shelf import Query, Shelf
from studio.stage import failed, said
from studio.tabs.taking import BACK, Taker
from studio.workshop import Workshop

PICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('[data-pick], [data-mark]');
  if (chosen) trigger('select', {pick: chosen.dataset.pick || '', mark: chosen.dataset.mark || ''});
});
"""
SHOW = [("Made here", "made"), ("Brought in", "imported"), ("Starred", "starred"), ("Trash", "trash")]
WHEN = [("Any time", "any"), ("Today", "today"), ("7 days", "week"), ("30 days", "month")]
EMPTY, SURE = "Empty the trash", "Remove all of it for good"
Updates = dict[Any, Any]


class LibraryTab:
    """Components and what they do; ``takers`` are the other tabs by medium, within ``tabs``."""

    def __init__(self, shop: Workshop, tabs: gr.Tabs, takers: Mapping[str, Taker]) -> None:
        self.shop, self.tabs, self.takers = shop, tabs, takers
        self.state = gr.State(Shelf())
        with gr.Row(elem_classes=["bench"], equal_height=False):
            with gr.Column(elem_classes=["want", "fields"], min_width=320):
                self._filters()
            with gr.Column(elem_classes=["get", "long"], min_width=320):
                self._results()

    def _filters(self) -> None:
        self.words = gr.Textbox(
            label="Search", placeholder="Words of the prompt", max_length=200, elem_classes=["field", "field-search"]
        )
        self.show = gr.Radio(SHOW, value="made", label="Show", elem_classes=["field"])
        media = [("All", "all"), *((title, name) for name, title in shelf.TITLES.items())]
        self.medium = gr.Dropdown(media, value="all", label="Medium", elem_classes=["field"])
        self.model = gr.Dropdown([("All", "all")], value="all", label="Model", elem_classes=["field"])
        self.when = gr.Radio(WHEN, value="any", label="When", elem_classes=["field"])
        self.bring = gr.UploadButton("Import a project", file_types=[".zip"], size="sm")
        self.check = gr.UploadButton("Verify a file", size="sm")

    def _results(self) -> None:
        self.notes = gr.HTML("", elem_classes=["notes"], apply_default_css=False, js_on_load=None)
        self.detail = gr.HTML("", js_on_load=PICK, elem_classes=["detail"], apply_default_css=False)
        with gr.Row(elem_classes=["actions"], visible=False) as self.actions:
            self.saves = gr.HTML("", elem_classes=["saves"], apply_default_css=False, js_on_load=None)
            self.reuse = gr.Button("Use settings", size="sm")
            self.source = gr.Button("Use as source", size="sm")
            self.star = gr.Button("Star", size="sm")
            self.delete = gr.Button("Delete", size="sm")
            self.verify = gr.Button("Verify", size="sm")
        self.grid = gr.HTML("", js_on_load=PICK, elem_classes=["grid"], apply_default_css=False)
        with gr.Row(elem_classes=["actions", "pager"]):
            self.back = gr.Button("Newer", size="sm")
            self.on = gr.Button("Older", size="sm")
            self.project = gr.HTML("", elem_classes=["saves"], apply_default_css=False, js_on_load=None)
            self.unmark = gr.Button("Unmark all", size="sm", visible=False)
            self.drop = gr.Button("Delete marked", size="sm", visible=False)
            self.undo = gr.Button("Undo delete", size="sm", visible=False)
            self.empty = gr.Button(EMPTY, size="sm", visible=False)
        self.deleted = gr.State(())

    @property
    def outputs(self) -> list[Any]:
        """What the tab's own events update."""
        row = [self.reuse, self.source, self.star, self.delete, self.verify]
        below = [self.project, self.unmark, self.drop, self.undo, self.empty, self.deleted, self.back, self.on]
        return [self.state, self.notes, self.detail, self.actions, self.saves, *row, self.grid, self.model, *below]

    # Showing --------------------------------------------------------------------------------------------------------

    def view(self, state: Shelf, owner: str, notes: Sequence[str] = ()) -> Updates:
        """Updates that show ``state``."""
        found = state.query.run(self.shop.library, owner)
        total, page = found.total, state.query.page
        marks = len(state.marked)
        return {
            self.state: state,
            self.notes: said(notes),
            self.grid: shelf.grid(found, state),
            self.back: gr.update(visible=page > 0),
            self.on: gr.update(visible=(page + 1) * shelf.PAGE < total),
            self.project: shelf.project(state.marked),
            self.unmark: gr.update(visible=marks > 0),
            self.empty: gr.update(visible=state.query.show == "trash" and total > 0),
            self.drop: gr.update(visible=marks > 0),
            self.model: gr.update(
                choices=[(str(marked("All")), "all"), *((m, m) for m in self.shop.library.models(owner))]
            ),
            **self._detailed(state, owner),
        }

    def _detailed(self, state: Shelf, owner: str) -> Updates:
        library = self.shop.library
        asset = library.get(state.picked, owner) if state.picked else None
        other = state.marked[0] if len(state.marked) == 1 and state.marked[0] != state.picked else ""
        kin: dict[str, Sequence[tuple[str, Asset]]] = {}
        if asset is not None:
            kin = {"Made from": library.parents(asset.id, owner), "Became": library.children(asset.id, owner)}
        usable = (
            asset is not None
            and asset.settings is not None
            and asset.medium in self.takers
            and kind_of(asset.settings) in BACK
        )
        return {
            self.detail: shelf.detail(asset, kin, library.get(other, owner) if other else None),
            self.actions: gr.update(visible=asset is not None),
            self.saves: shelf.links(asset, titles(asset.medium) if asset else {}),
            self.reuse: gr.update(interactive=usable),
            self.source: gr.update(interactive=asset is not None and asset.medium in self.takers),
            self.star: gr.update(value=marked("Starred" if asset and asset.starred else "Star")),
            self.delete: gr.update(value=marked("Restore" if asset and asset.trashed else "Delete")),
        }

    # Doing ----------------------------------------------------------------------------------------------------------

    def wire(self, opened: gr.Tab) -> None:
        """Make everything work; ``opened`` is the tab itself."""
        filters = [self.words, self.show, self.medium, self.model, self.when]

        def look(words: str, show: str, medium: str, model: str, when: str, request: gr.Request) -> Updates:
            query = Query(words or "", medium, model or "all", when, show)
            return self.view(Shelf(query), self.shop.people.owner(request))

        opened.select(look, filters, self.outputs, **QUICK)
        self.words.change(look, filters, self.outputs, trigger_mode="always_last", **QUICK)
        for part in filters[1:]:
            part.input(look, filters, self.outputs, **QUICK)  # type: ignore[attr-defined]
        for board in (self.grid, self.detail):
            board.select(self._pick, self.state, self.outputs, **QUICK)
        self.back.click(self._turning(-1), self.state, self.outputs, **QUICK)
        self.on.click(self._turning(1), self.state, self.outputs, **QUICK)
        self.star.click(self._star, self.state, self.outputs, **QUICK)
        self.delete.click(self._delete, self.state, self.outputs, **QUICK)
        self.drop.click(self._delete_marked, self.state, self.outputs, **QUICK)
        self.undo.click(self._undo, [self.state, self.deleted], self.outputs, **QUICK)
        self.empty.click(self._purge, [self.state, self.empty], self.outputs, **QUICK)
        self.unmark.click(self._unmark, self.state, self.outputs, **QUICK)
        self.verify.click(self._verify, self.state, [self.notes], **QUICK)
        self.check.upload(self._verify_upload, self.check, [self.notes], **QUICK)
        self.bring.upload(self._import, self.bring, self.outputs, **QUICK)
        parts = [part for taker in self.takers.values() for part in taker.parts]
        for button, as_source in ((self.reuse, False), (self.source, True)):
            button.click(self._taking(as_source), self.state, [self.notes, self.tabs, *parts], **QUICK)

    def _pick(self, state: Shelf, chosen: gr.EventData, request: gr.Request) -> Updates:
        state = state.mark(str(chosen.mark)) if chosen.mark else state.pick(str(chosen.pick))
        return self.view(state, self.shop.people.owner(request))

    def _turning(self, by: int) -> Callable[..., Updates]:
        def turn(state: Shelf, request: gr.Request) -> Updates:
            owner = self.shop.people.owner(request)
            return self.view(state.turn(by, state.query.run(self.shop.library, owner).total), owner)

        return turn

    def _star(self, state: Shelf, request: gr.Request) -> Updates:
        owner = self.shop.people.owner(request)
        asset = self.shop.library.get(state.picked, owner)
        if asset is not None:
            self.shop.library.star(asset.id, not asset.starred, owner)
        return self.view(state, owner)

    def _delete(self, state: Shelf, request: gr.Request) -> Updates:
        owner = self.shop.people.owner(request)
        asset = self.shop.library.get(state.picked, owner)
        if asset is None:
            return {}
        if asset.trashed:
            self.shop.library.restore([asset.id], owner)
            return self.view(state.pick(""), owner, [phrase("Restored.")])
        return self._trash(state.pick(""), [asset.id], owner)

    def _delete_marked(self, state: Shelf, request: gr.Request) -> Updates:
        return self._trash(replace(state, picked="", marked=()), state.marked, self.shop.people.owner(request))

    def _trash(self, state: Shelf, assets: Sequence[str], owner: str) -> Updates:
        went = self.shop.library.delete(assets, owner)
        text = phrase("Deleted: {count}. They stay in the trash until it is emptied.", count=len(went))
        return {**self.view(state, owner, [text]), self.undo: gr.update(visible=True), self.deleted: went}

    def _undo(self, state: Shelf, deleted: Sequence[str], request: gr.Request) -> Updates:
        owner = self.shop.people.owner(request)
        back = self.shop.library.restore(deleted, owner)
        return {
            **self.view(state, owner, [phrase("Restored: {count}.", count=len(back))]),
            self.undo: gr.update(visible=False),
        }

    def _purge(self, state: Shelf, said: str, request: gr.Request) -> Updates:
        owner = self.shop.people.owner(request)
        if said != SURE:  # the one thing here that cannot be undone takes a second click
            return {self.empty: gr.update(value=marked(SURE), variant="stop")}
        gone = self.shop.library.purge(owner, days=0)
        return {
            **self.view(Shelf(state.query), owner, [phrase("Removed for good: {count}.", count=gone)]),
            self.undo: gr.update(visible=False),
            self.empty: gr.update(value=marked(EMPTY), variant="secondary", visible=False),
        }

    def _unmark(self, state: Shelf, request: gr.Request) -> Updates:
        return self.view(replace(state, marked=()), self.shop.people.owner(request))

    def _verify(self, state: Shelf, request: gr.Request) -> Updates:
        asset = self.shop.library.get(state.picked, self.shop.people.owner(request))
        return {} if asset is None else {self.notes: _claims(asset.path, asset.path.name)}

    def _verify_upload(self, path: str | None) -> Updates:
        return {} if path is None else {self.notes: _claims(Path(path), Path(path).name)}

    def _import(self, path: str | None, request: gr.Request) -> Updates:
        if path is None:
            return {}
        try:
            return self.import_project(Path(path), request)
        except StudioError as error:
            raise gr.Error(html_of(why(error)), title="Could not import that", print_exception=False) from None

    def import_project(self, path: Path, request: gr.Request) -> Updates:
        """Bring a project's files in, and show what came.

        Raises:
            StudioError: it is no project, or not a whole one.
        """
        from studio.project import import_project

        owner = self.shop.people.owner(request)
        came = import_project(self.shop.library, path, owner)
        return self.view(Shelf(), owner, [phrase("Files imported: {count}.", count=len(came))])

    def _taking(self, as_source: bool) -> Callable[..., Updates]:
        def take(state: Shelf, request: gr.Request) -> Updates:
            asset = self.shop.library.get(state.picked, self.shop.people.owner(request))
            if asset is None or asset.medium not in self.takers:
                return {self.notes: said([phrase("No tab of this version takes that.")])}
            return {
                self.tabs: gr.Tabs(selected=asset.medium),
                **self.takers[asset.medium].use(Result.of(asset, self.shop.library), as_source),
            }

        return take


def _claims(path: Path, name: str) -> str:
    """What a file says about itself."""
    from studio.provenance import verify

    try:
        return shelf.claims(name, verify(path).to_dict())
    except StudioError as error:
        return failed(why(error))
