"""What the Library tab shows: a page of the library, one asset in detail, its kin. State and HTML, no components."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from studio.boards.clips import moving, sheet_at
from studio.boards.clips import player as clip_player
from studio.boards.meshes import viewer
from studio.boards.sounds import player
from studio.boards.talks import scene, timeline
from studio.exports import enlargement
from studio.language import Phrase, html_of, phrase, said, say
from studio.library import MEDIA, Asset, Found, Library
from studio.sources import ASSET
from studio.stage import clock, duration

PAGE = 60
TITLES = {"image": "Images", "video": "Video", "audio": "Audio", "mesh": "3D", "lipsync": "Lip-sync"}
MOVING = ("video", "lipsync")
DAYS = {"any": None, "today": 1, "week": 7, "month": 30}


@dataclass(frozen=True)
class Query:
    """What is looked for; see :meth:`studio.library.Library.search`."""

    words: str = ""
    medium: str = "all"
    model: str = "all"
    when: str = "any"
    show: str = "made"  # made, imported, starred, trash
    page: int = 0

    def run(self, library: Library, owner: str) -> Found:
        """The page that it asks for."""
        days = DAYS.get(self.when)
        return library.search(
            owner,
            self.words,
            medium=self.medium if self.medium in MEDIA else None,
            model=None if self.model == "all" else self.model,
            since=None if days is None else time.time() - days * 86_400,
            starred=self.show == "starred",
            imported={"made": False, "imported": True}.get(self.show),
            trashed=self.show == "trash",
            limit=PAGE,
            offset=self.page * PAGE,
        )


@dataclass(frozen=True)
class Shelf:
    """Where one page stands: the query, the asset in detail, and the marked ones."""

    query: Query = Query()
    picked: str = ""
    marked: tuple[str, ...] = ()

    def pick(self, asset: str) -> "Shelf":
        """Another asset in detail."""
        return replace(self, picked=asset)

    def mark(self, asset: str) -> "Shelf":
        """An asset marked, or no longer."""
        rest = tuple(each for each in self.marked if each != asset)
        return replace(self, marked=rest if asset in self.marked else (*rest, asset))

    def turn(self, by: int, total: int) -> "Shelf":
        """Another page of the same query."""
        last = max(0, (total - 1) // PAGE)
        return replace(self, query=replace(self.query, page=min(max(self.query.page + by, 0), last)))


def grid(found: Found, shelf: Shelf) -> str:
    """Tiles of one page, with what there is in all."""
    if not found.assets:
        none = (
            "The trash is empty." if shelf.query.show == "trash" else "Nothing here fits. Try fewer words or filters."
        )
        return phrase(none).html("p", "nothing")
    tiles = "".join(_tile(asset, shelf) for asset in found.assets)
    first = shelf.query.page * PAGE + 1
    count = say("{first} to {last} of {total}", first=first, last=first + len(found.assets) - 1, total=found.total)
    group = said("aria-label", "Assets")
    return f'<p class="found" role="status">{count}</p><div class="shelf" role="group" {group}>{tiles}</div>'


def detail(asset: Asset | None, kin: Mapping[str, Sequence[tuple[str, Asset]]], compare: Asset | None) -> str:
    """One asset large, beside a marked one where there is another, with its facts and its kin."""
    if asset is None:
        return ""
    shown = f'<div class="board{" many" if compare else ""}">{_large(asset)}{_large(compare) if compare else ""}</div>'
    if asset.medium == "audio":
        shown = _players(*(each for each in (asset, compare) if each is not None and each.medium == "audio"))
    elif asset.medium == "lipsync" and compare is None:
        shown = _talk(asset)
    elif asset.medium in MOVING:
        shown = _clip(asset, compare if compare is not None and compare.medium in MOVING else None)
    elif asset.medium == "mesh":
        both = [each for each in (asset, compare) if each is not None and each.medium == "mesh"]
        shown = f'<div class="board solid">{"".join(_turned(each, each is asset) for each in both)}</div>'
    rows = "".join(
        f'<h3>{say(title)}</h3><div class="tiles">{"".join(_kin(role, each) for role, each in some)}</div>'
        for title, some in kin.items()
        if some
    )
    return (
        f'{shown}<p class="words">{escape(asset.title)}</p><p class="facts">{_facts(asset)}</p>{rows}{_settings(asset)}'
    )


def links(asset: Asset | None, formats: Mapping[str, str]) -> str:
    """Downloads of one asset in every format that can hold it."""
    if asset is None:
        return ""
    made = [(f"&amp;format={ending}", escape(title)) for ending, title in formats.items()]
    if asset.medium == "image" and asset.width and (times := enlargement(asset.width, asset.height or 0)) > 1:
        size = phrase("PNG {width} × {height}", width=asset.width * times, height=(asset.height or 0) * times)
        made.append((f"&amp;format=.png&amp;times={times}", size.html()))
    # What was brought in is handed out as it came: it may be of a kind, and carry claims, that are not ours to rewrite.
    shown = [("", say("As it is"))] if asset.imported else made
    return phrase("Download").html(classes="caption") + "".join(
        f'<a class="save" href="studio/assets/{asset.id}/file?download{query}" download>{title}</a>'
        for query, title in shown
    )


def project(marked: Sequence[str]) -> str:
    """A link that packs the marked assets, with all that they were made from."""
    if not marked:
        return ""
    address = f"studio/project?ids={','.join(marked)}"
    return f'<a class="save" href="{address}" download>{say("Export {count} as a project", count=len(marked))}</a>'


def claims(name: str, held: Mapping[str, Any]) -> str:
    """What a file says about itself: the short of it as a list, the whole folded."""
    signed = held.get("credentials")
    rows = {
        "Made by": f"Eddyline, {held['kind']}" if held.get("kind") else phrase("It does not say."),
        "AI mark": held.get("ai_mark") or phrase("Nothing."),
        "Credentials": _signed(signed) if signed else phrase("Nothing."),
        "Notes": " ".join(held.get("notes") or ()),
    }
    listed = "".join(f"<dt>{say(title)}</dt><dd>{html_of(text)}</dd>" for title, text in rows.items() if text)
    whole = escape(json.dumps(held, indent=1, ensure_ascii=False))
    return (
        f'<h3 class="claimed">{say("{name} says of itself", name=name)}</h3><dl class="claims">{listed}</dl>'
        f'<details class="fold settings"><summary>{say("All of it")}</summary><pre>{whole}</pre></details>'
    )


def _signed(held: Mapping[str, Any]) -> Phrase:
    who = held.get("issuer") or "?"
    if held.get("changed"):
        return phrase("Signed by {who}, and changed after that: do not rely on it.", who=who)
    text = "Signed by {who}; valid." if held.get("valid") else "Signed by {who}; not valid."
    return phrase(text, who=who)


def _tile(asset: Asset, shelf: Shelf) -> str:
    name = escape(asset.title, quote=True)
    marked = asset.id in shelf.marked
    star = '<i class="star" aria-hidden="true">★</i>' if asset.starred else ""
    return (
        f'<span class="tile"><button type="button" class="pick" data-pick="{asset.id}" title="{name}" '
        f'aria-label="{name}" aria-pressed="{str(asset.id == shelf.picked).lower()}">'
        f"{_small(asset)}{star}</button>"
        f'<button type="button" class="mark" data-mark="{asset.id}" '
        f"{said('aria-label', 'Mark: {title}', title=asset.title)} "
        f'aria-pressed="{str(marked).lower()}">{"✓" if marked else ""}</button></span>'
    )


def _small(asset: Asset) -> str:
    if asset.medium in MOVING:
        return moving(f"studio/assets/{asset.id}/thumbnail")
    kind = ' class="wave"' if asset.medium == "audio" else ""
    return f'<img{kind} loading="lazy" src="studio/assets/{asset.id}/thumbnail" alt="">'


def _kin(role: str, asset: Asset) -> str:
    text = "Mask: {title}" if role == "mask" else "Source: {title}"
    return (
        f'<button type="button" data-pick="{asset.id}" title="{escape(asset.title, quote=True)}" '
        f"{said('aria-label', text, title=asset.title)}>"
        f"{_small(asset)}</button>"
    )


def _large(asset: Asset) -> str:
    words = escape(asset.title, quote=True)
    if asset.medium == "image":
        return f'<img class="after" src="studio/assets/{asset.id}/file" alt="{words}">'
    return f'<img class="after" src="studio/assets/{asset.id}/thumbnail" alt="{words}">'


def _players(*assets: Asset) -> str:
    players = [
        player("detail" if each is assets[0] else "beside", {
            "run": each.id, "src": f"studio/assets/{each.id}/file", "words": f"studio/assets/{each.id}/words",
        })
        for each in assets
    ]  # fmt: skip
    return f'<div class="board sound">{"".join(players)}</div>'


def _clip(asset: Asset, compare: Asset | None) -> str:
    """A clip in its player; one that is marked beside it is what it is compared with."""
    told = {"run": asset.id, "src": sheet_at(f"asset:{asset.id}"), "film": f"studio/assets/{asset.id}/file"}
    before = {} if compare is None else {"before": sheet_at(f"asset:{compare.id}")}
    return f'<div class="board moving">{clip_player("detail", {**told, **before})}</div>'


def _talk(asset: Asset) -> str:
    """A talking clip with its sound, over its timeline."""
    where = f"studio/assets/{asset.id}"
    held = timeline(f"{where}/timeline", f"{where}/strip")
    return f'<div class="board talk">{scene(f"{where}/file", asset.title)}{held}</div>'


def _turned(asset: Asset, first: bool) -> str:
    picture = f"studio/assets/{asset.id}/thumbnail"
    told = {"run": asset.id, "name": f"{ASSET}{asset.id}", "picture": picture}
    return viewer("detail-mesh" if first else "beside-mesh", told)


def _facts(asset: Asset) -> str:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(asset.created))
    model = phrase("imported") if asset.imported else asset.model
    facts = [phrase(TITLES[asset.medium]) if asset.medium in TITLES else asset.medium, model, made]
    if asset.size:
        facts.append(f"{asset.width} × {asset.height} px")
    if asset.seconds is not None:
        facts.append(phrase("{time} long", time=clock(asset.seconds)))
    if asset.seed is not None:
        facts.append(phrase("seed {seed}", seed=asset.seed))
    if asset.took is not None:
        facts.append(phrase("in {time}", time=duration(asset.took)))
    facts.append(f"{asset.bytes / 1000:.0f} KB")
    return "".join(f"<span>{html_of(fact)}</span>" for fact in facts)


def _settings(asset: Asset) -> str:
    if asset.settings is None:
        return ""
    held = json.dumps(asset.settings.model_dump(mode="json"), indent=1, ensure_ascii=False)
    return (
        f'<details class="fold settings"><summary>{say("Settings")}</summary><pre>{escape(held)}</pre>'
        f'<button type="button" class="link" data-copy="{escape(held, quote=True)}">{say("Copy settings")}</button>'
        "</details>"
    )
