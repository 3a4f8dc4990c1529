"""Settings under a name: shipped ones, one's own in the home folder, and single JSON files to share.

A preset holds the settings that it means and no others, as a rule without prompt and seed, so that it can be laid over
whatever is on the page. Old presets are read through the settings' own migration; what is not known is reported.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import SettingsError, StudioError
from pipelines.paths import assets
from pipelines.settings import ANY_SETTINGS, SamplingSettings, kind_of
from studio.jsonfile import LIMIT, read_json, write_json

FORMAT = "preset"
MOST = 500  # presets of one owner
LONGEST_NAME = 60
# Of one thing alone: what it is to be or was, and where in it.
WORDS = ("prompt", "source_prompt", "negative_prompt", "text", "source_text", "start", "end", "seed")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10))}


@dataclass(frozen=True)
class Preset:
    """Some settings of one kind (a key of ``ANY_SETTINGS``) under a name."""

    name: str
    kind: str
    fields: dict[str, Any]
    about: str = ""
    shipped: bool = False
    unknown: dict[str, Any] = field(default_factory=dict)

    def apply(self, settings: SamplingSettings) -> SamplingSettings:
        """``settings`` with this preset laid over.

        Raises:
            SettingsError: it is a preset of another kind, or the two contradict each other.
        """
        if kind_of(settings) != self.kind:
            raise SettingsError(f"preset: {self.name!r} is for {self.kind}, these settings are for {kind_of(settings)}")
        return settings.with_(**self.fields)

    def text(self) -> str:
        """The preset as the JSON that is shared."""
        return json.dumps(_held(self), indent=1, ensure_ascii=False) + "\n"


class Presets:
    """The presets of one owner below ``home``, and the shipped ones that everybody sees."""

    def __init__(self, home: Path, owner: str = "", shipped: Path | None = None) -> None:
        # An owner's name may be anything; its hash is always a folder's name.
        mine = hashlib.sha256(owner.encode()).hexdigest()[:24] if owner else "all"
        self._folder = home / "presets" / mine
        self._shipped = shipped or assets() / "presets"

    def all(self, kind: str | None = None) -> tuple[Preset, ...]:
        """Presets by name, shipped ones first; files that cannot be read are left out, see :meth:`damaged`."""
        found = [self._read(path) for path in self._files()]
        kept = [each for each in found if isinstance(each, Preset) and kind in (None, each.kind)]
        return tuple(sorted(kept, key=lambda each: (not each.shipped, each.name.casefold())))

    def damaged(self) -> tuple[str, ...]:
        """One sentence for every file that cannot be read."""
        return tuple(each for each in map(self._read, self._files()) if isinstance(each, str))

    def load(self, name: str) -> Preset:
        """The preset called ``name``, capitals ignored; one's own before a shipped one.

        Raises:
            StudioError: there is none, or its file is damaged.
        """
        path = self._path(name)
        if path.exists():
            return parse(read_json(path))
        wanted = _folded(name)
        for each in self.all():
            if _folded(each.name) == wanted:
                return each
        known = ", ".join(each.name for each in self.all()) or "none yet"
        raise StudioError(f"preset: there is none called {name!r}; known are: {known}")

    def save(
        self,
        name: str,
        settings: SamplingSettings,
        *,
        words: bool = False,
        only: Iterable[str] | None = None,
        about: str = "",
        overwrite: bool = False,
    ) -> Preset:
        """Keep ``settings`` under ``name``.

        Args:
            name: what a person calls it.
            settings: what to keep.
            words: keep the prompts and the seed as well.
            only: fields to keep; None keeps all.
            about: one line for people.
            overwrite: replace one's own preset of that name.

        Raises:
            StudioError: the name is taken or cannot be used, or there are too many.
        """
        left = set() if words else set(WORDS)
        named = set(type(settings).model_fields if only is None else only)
        values = settings.model_dump(exclude={"version", *left}, mode="json")
        preset = Preset(name.strip(), kind_of(settings), {k: v for k, v in values.items() if k in named}, about.strip())
        return self.add(preset, overwrite=overwrite)

    def add(self, preset: Preset, *, overwrite: bool = False) -> Preset:
        """Keep a preset as it is: an import, or one that was deleted and is wanted back.

        Raises:
            StudioError: as :meth:`save`.
        """
        path = self._path(preset.name)
        if path.exists() and not overwrite:
            raise StudioError(f"preset: {preset.name!r} exists; choose another name, or replace it")
        if any(each.shipped and _folded(each.name) == _folded(preset.name) for each in self.all()):
            raise StudioError(f"preset: {preset.name!r} is the name of a shipped preset; choose another name")
        if not path.exists() and self._folder.is_dir() and len(list(self._folder.glob("*.json"))) >= MOST:
            raise StudioError(f"preset: there are {MOST} already; delete some first")
        write_json(path, _held(preset))
        return preset

    def delete(self, name: str) -> Preset:
        """Delete one's own preset and return it, so that ``add`` can bring it back.

        Raises:
            StudioError: there is none, or it ships with the program.
        """
        preset = self.load(name)
        path = self._path(preset.name)
        if not path.exists():
            raise StudioError(f"preset: {preset.name!r} ships with Eddyline and stays")
        path.unlink()
        return preset

    def export(self, name: str, folder: Path) -> Path:
        """Write the preset called ``name`` as one JSON file into ``folder``, and return its path.

        Raises:
            StudioError: there is no such preset, or the folder cannot be written.
        """
        preset = self.load(name)
        path = folder / f"eddyline-preset-{_plain(preset.name)}.json"
        write_json(path, _held(preset))
        return path

    def import_(self, source: Path | str, *, overwrite: bool = False) -> Preset:
        """Read a shared preset, from a file or from its text, and keep it; its ``unknown`` says what was not known.

        Raises:
            StudioError: it is no preset, its settings are refused, or its name is taken.
        """
        if isinstance(source, Path):
            found = read_json(source)
            if found is None:
                raise StudioError(f"{source.name}: no such file")
        else:
            found = _decoded(source)
        return self.add(parse(found), overwrite=overwrite)

    def _files(self) -> list[tuple[Path, bool]]:
        pairs = ((self._shipped, True), (self._folder, False))
        return [(path, shipped) for folder, shipped in pairs for path in sorted(folder.glob("*.json"))]

    def _read(self, file: tuple[Path, bool]) -> Preset | str:
        path, shipped = file
        try:
            return parse(read_json(path), shipped)
        except StudioError as error:
            return f"{path.name}: {error}"

    def _path(self, name: str) -> Path:
        name = checked(name)
        return self._folder / f"{_plain(name)}-{hashlib.sha256(_folded(name).encode()).hexdigest()[:8]}.json"


def parse(found: Any, shipped: bool = False) -> Preset:
    """The preset in decoded JSON.

    Raises:
        StudioError: it is none, its name cannot be used, or the settings refuse one of its values.
    """
    if not isinstance(found, dict) or found.get("eddyline") != FORMAT:
        raise StudioError("preset: this JSON is not a preset of Eddyline; it has no 'eddyline': 'preset'")
    kind, raw = found.get("kind"), found.get("settings")
    if not isinstance(kind, str) or kind not in ANY_SETTINGS:
        raise StudioError(f"preset: unknown kind {kind!r:.40}; this version knows {', '.join(ANY_SETTINGS)}")
    if not isinstance(raw, dict):
        raise StudioError("preset: 'settings' is missing or is no object")
    about = found.get("about", "")
    settings, unknown = ANY_SETTINGS[kind].migrate(ANY_SETTINGS[kind].filled(raw))  # words are asked for, and not used
    fields = {key: value for key, value in settings.model_dump(mode="json").items() if key in raw and key != "version"}
    name = checked(found.get("name"))
    return Preset(name, kind, fields, about[:300] if isinstance(about, str) else "", shipped, unknown)


def checked(name: Any) -> str:
    """``name`` without spaces around it, if a preset can be called that.

    Raises:
        StudioError: it is empty or too long, or has signs that have no place in a name.
    """
    if not isinstance(name, str) or not name.strip():
        raise StudioError("preset: has no name; give it one")
    name = unicodedata.normalize("NFC", name.strip())
    if len(name) > LONGEST_NAME:
        raise StudioError(f"preset: a name has at most {LONGEST_NAME} characters, got {len(name)}; shorten it")
    # Categories C: controls, and marks that turn the direction of writing and make a name read as another.
    odd = [sign for sign in name if sign in '/\\<>:"|?*' or unicodedata.category(sign)[0] == "C"]
    if odd or name[0] == "." or name.casefold().split(".")[0].strip() in _RESERVED:
        raise StudioError(f"preset: {name!r:.60} cannot be used as a name; use letters, digits, spaces and dashes")
    return name


def _decoded(text: str) -> Any:
    if len(text) > LIMIT:
        raise StudioError(f"preset: the text is longer than {LIMIT // 1000} kB; this is not a preset of Eddyline")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise StudioError(
            f"preset: this is not readable JSON ({type(error).__name__}); paste the whole text"
        ) from error


def _held(preset: Preset) -> dict[str, Any]:
    version = ANY_SETTINGS[preset.kind].VERSION
    held = {"eddyline": FORMAT, "name": preset.name, "kind": preset.kind, "about": preset.about}
    # What this version does not know is kept: a newer one, that wrote it, may read the file again.
    return {**held, "settings": {"version": version, **preset.fields, **preset.unknown}}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip()).casefold()


def _plain(name: str) -> str:
    letters = (letter if letter.isascii() and letter.isalnum() else "-" for letter in name.casefold())
    return "-".join(part for part in "".join(letters).split("-") if part)[:40] or "preset"
