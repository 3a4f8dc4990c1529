"""The record: settings, which asset a file is, and that a machine made it; as text, free of any file format.

Every format carries the record as JSON. Beside it goes IPTC's DigitalSourceType, the machine-readable mark of AI-made
media, in XMP where a format has a place for XMP and under its own name elsewhere; the record repeats it, because
comments survive programs that drop XMP. Of a sound in which something is said the record also holds each word and when,
of a talking face how its mouth moves.
"""

import base64
import binascii
import json
import math
import re
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from pipelines.errors import MediaError, SettingsError
from pipelines.media import CHANNELS, Visemes, Word
from pipelines.settings import ANY_SETTINGS, ImageSettings, SamplingSettings, kind_of

KEY = "eddyline"
WORDS = "words"  # in the record: [text, start, end] of each, in seconds
NOTES = "notes"  # in the record: sentences about how it was made
TRACK = "visemes"  # in the record: rate, and weights as packed bytes, a row a frame
SOURCE_TYPE = "DigitalSourceType"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE = "trainedAlgorithmicMedia"
EDITED = "compositeWithTrainedAlgorithmicMedia"
AI_MARKS = (MADE, EDITED, "compositeSynthetic", "algorithmicMedia")  # the last two only other programs write
MAX_NOTES, MAX_NOTE = 40, 600  # sentences of a record that are shown, and characters of each
MAX_TRACK = 17 * 240 * 3600  # bytes of a viseme track, unpacked: an hour at the highest rate
MAX_OTHERS = 7  # tracks of faces beside the first
MAX_RECORD = 2_900_000  # characters of metadata worth parsing: ten minutes of eight mouths, or an hour of one
_SOURCE_TYPE = re.compile(  # as an attribute, an element, or a resource
    rf""":{SOURCE_TYPE}(?:\s*=\s*["']|\s*>|\s+rdf:resource\s*=\s*["'])\s*(https?://[^\s"'<>]{{1,200}})"""
)


@dataclass(frozen=True)
class Origin:
    """Which asset a file is, so that the library's index can be made again from the files alone.

    Attributes:
        id: of the asset, 32 hex digits.
        created: seconds since 1970.
        parents: role ("source", "mask" ...) and id of each asset that it was made from.
        job: id of the job that made it, or empty.
        place: which of the job's results it is.
    """

    id: str
    created: float
    parents: tuple[tuple[str, str], ...] = ()
    job: str = ""
    place: int = 0


@dataclass(frozen=True)
class Provenance:
    """What a file claims.

    Attributes:
        kind: what made it, for example ``image.generate``.
        settings: the settings that made it.
        unknown: settings that a newer or other version wrote and this one does not know.
        ai_mark: value of DigitalSourceType, or None.
        origin: which asset of which library it is, or None.
        words: what is said in it and when; empty where nobody knows.
        visemes: how the mouth in it moves, where that is known.
    """

    kind: str
    settings: SamplingSettings
    unknown: dict[str, Any]
    ai_mark: str | None
    origin: Origin | None = None
    words: tuple[Word, ...] = ()
    visemes: Visemes | None = None


@dataclass(frozen=True)
class Stamp:
    """What is written into a file.

    Attributes:
        record: JSON text, or None for media that no settings are known of.
        mark: value of DigitalSourceType, or None where nobody says that a machine made it.
        parameters: the settings in AUTOMATIC1111's grammar, or None.
    """

    record: str | None = None
    mark: str | None = None
    parameters: str | None = None

    @property
    def of_one_frame(self) -> "Stamp":
        """The same for a single picture of a clip, which need not repeat what is said and shown in all of it."""
        if self.record is None:
            return self
        kept = {name: value for name, value in json.loads(self.record).items() if name not in (WORDS, TRACK)}
        return replace(self, record=json.dumps(kept, ensure_ascii=False))

    @property
    def ascii(self) -> str | None:
        """The record in ASCII, for formats whose text is of no certain encoding."""
        return None if self.record is None else json.dumps(json.loads(self.record))

    @property
    def xmp(self) -> bytes:
        """XMP packet with the mark; empty without a mark."""
        return b"" if self.mark is None else _packet(self.mark)

    @property
    def source_type(self) -> str | None:
        """The mark as IPTC's full address."""
        return None if self.mark is None else SOURCE_TYPES + self.mark


def stamp(
    settings: SamplingSettings,
    *,
    edited: bool | None = None,
    origin: Origin | None = None,
    words: Sequence[Word] = (),
    visemes: Visemes | None = None,
    notes: Sequence[str] = (),
) -> Stamp:
    """What a file made with ``settings`` carries; ``edited`` by default when the settings are an edit's."""
    edited = settings.TASK != "generate" if edited is None else edited
    text = record(settings, origin, edited=edited, words=words, visemes=visemes, notes=notes)
    return Stamp(text, EDITED if edited else MADE, parameters(settings))


def marked(stamp: Stamp, mark: str | None) -> Stamp:
    """``stamp`` with another AI mark, or with none."""
    told = json.loads(stamp.record or "{}")
    told.pop(SOURCE_TYPE, None)
    if mark is not None:
        told[SOURCE_TYPE] = SOURCE_TYPES + mark
    return replace(stamp, record=json.dumps(told, ensure_ascii=False), mark=mark)


def record(
    settings: SamplingSettings,
    origin: Origin | None = None,
    *,
    edited: bool | None = None,
    words: Sequence[Word] = (),
    visemes: Visemes | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The JSON that is written into files."""
    held: dict[str, Any] = {"kind": kind_of(settings), "settings": settings.model_dump(mode="json")}
    if origin is not None:
        held["asset"] = asdict(origin)
    if words:
        held[WORDS] = [[word.text, word.start, word.end] for word in words]
    if notes:
        held[NOTES] = list(notes)
    if visemes is not None:
        held[TRACK] = _track(visemes)
    if edited is not None:
        held[SOURCE_TYPE] = SOURCE_TYPES + (EDITED if edited else MADE)
    return json.dumps(held, ensure_ascii=False)


def parameters(settings: SamplingSettings) -> str:
    """The settings in AUTOMATIC1111's grammar: prompt, negative prompt, then one line of pairs."""
    values = settings.model_dump(mode="json")
    lines = [_one_line(settings.asked)]
    if values.get("negative_prompt"):
        lines.append(f"Negative prompt: {_one_line(values['negative_prompt'])}")
    named = {"Steps": "steps", "Sampler": "solver", "CFG scale": "guidance", "Seed": "seed"}
    pairs = [f"{name}: {values[field]}" for name, field in named.items() if field in values]
    if isinstance(settings, ImageSettings):
        pairs.append(f"Size: {settings.width}x{settings.height}")
    lines.append(", ".join([*pairs, f"Model: {settings.model}"]))
    return "\n".join(lines)


def xmp(*, edited: bool) -> bytes:
    """XMP packet with the AI mark: made by a model, or a picture edited with one."""
    return _packet(EDITED if edited else MADE)


def held(text: str | None) -> dict[str, Any] | None:
    """The record in ``text``; None when this program did not write it."""
    if not text or len(text) > MAX_RECORD:
        return None
    try:
        found = json.loads(text)
        str(found["kind"]), dict(found["settings"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # some other program's comment
    return found if isinstance(found, dict) else None


def parsed(found: dict[str, Any], mark: str | None, name: str) -> Provenance:
    """What the record ``found`` of the file ``name`` says.

    Raises:
        MediaError: the record is damaged or of a newer version.
    """
    kind = str(found["kind"])
    if kind not in ANY_SETTINGS:
        raise MediaError(f"{name}: made by {kind!r}, which this version does not know; update eddyline")
    try:
        settings, unknown = ANY_SETTINGS[kind].migrate(dict(found["settings"]))
    except SettingsError as error:
        raise MediaError(f"{name}: its settings cannot be used ({error})") from error
    return Provenance(kind, settings, unknown, mark, _origin(found.get("asset")), words_in(found), visemes_in(found))


def words_in(found: dict[str, Any]) -> tuple[Word, ...]:
    """The words in a record, in order; none where they are not as this program writes them."""
    try:
        words = tuple(Word(str(text), float(start), float(end)) for text, start, end in found.get(WORDS) or ())
    except (TypeError, ValueError, OverflowError):
        return ()
    ordered = all(0 <= word.start <= word.end < math.inf for word in words)
    return words if ordered and all(a.start <= b.start for a, b in pairwise(words)) else ()


def visemes_in(found: dict[str, Any]) -> Visemes | None:
    """The viseme track in a record; None where there is none as this program writes it."""
    try:
        told = found[TRACK]
        others = tuple(None if each is None else _unpacked(each) for each in told.get("others", ())[:MAX_OTHERS])
        return replace(_unpacked(told), others=others)
    except (AttributeError, KeyError, TypeError, ValueError, binascii.Error, zlib.error, MediaError):
        return None


def _unpacked(told: dict[str, Any]) -> Visemes:
    raw = base64.b64decode(told["weights"], validate=True)
    rows = zlib.decompressobj().decompress(raw, MAX_TRACK)
    weights = np.frombuffer(rows, np.uint8).reshape(-1, len(CHANNELS)).astype(np.float32) / 255
    return Visemes(weights, float(told["rate"]))


def _track(visemes: Visemes) -> dict[str, Any]:
    made: dict[str, Any] = {"rate": visemes.rate, "weights": _packed(visemes.weights)}
    if visemes.others:
        made["others"] = [None if each is None else _track(each) for each in visemes.others]
    return made


def notes_in(found: dict[str, Any]) -> tuple[str, ...]:
    """What a record says of how its file was made, for a person."""
    raw = found.get(NOTES)
    return tuple(str(each)[:MAX_NOTE] for each in raw[:MAX_NOTES]) if isinstance(raw, list) else ()


def _packed(weights: np.ndarray) -> str:
    """Weights [T, 17] in [0, 1] as text, in steps of 1/255: finer than any face shows."""
    rows = np.round(255 * weights).astype(np.uint8)
    return base64.b64encode(zlib.compress(rows.tobytes(), 9)).decode()


def mark_in(packet: str | None) -> str | None:
    """The AI mark in an XMP packet, or None."""
    return next(filter(None, (mark_of(address) for address in _SOURCE_TYPE.findall(packet or ""))), None)


def mark_of(address: Any) -> str | None:
    """The AI mark that an IPTC address names, or None when it names none of AI-made media."""
    start, _, name = str(address).strip().rpartition("/")
    known = start.split("://")[-1] == SOURCE_TYPES.split("://")[-1].rstrip("/")
    return name if known and name in AI_MARKS else None


def _packet(mark: str) -> bytes:
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f"Iptc4xmpExt:{SOURCE_TYPE}={quoteattr(SOURCE_TYPES + mark)}/></rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def _origin(raw: Any) -> Origin | None:
    """Which asset a record names; None when it names none, or not as this program writes it."""
    try:
        parents = tuple((str(role), str(asset)) for role, asset in raw["parents"])
        return Origin(str(raw["id"]), float(raw["created"]), parents, str(raw["job"]), int(raw["place"]))
    except (TypeError, KeyError, ValueError, OverflowError):
        return None


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
