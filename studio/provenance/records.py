"""What a file says about itself: the settings that made it, and that a machine made it.

PNG carries the settings twice: as JSON under ``eddyline`` for this program and as ``parameters`` in AUTOMATIC1111's
grammar for others. JPEG and WebP carry the JSON in the EXIF user comment. All three carry IPTC's DigitalSourceType in
XMP, the machine-readable mark of AI-made media.
"""

import json
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from pipelines.errors import MediaError, SettingsError
from pipelines.settings import ANY_SETTINGS, ImageSettings, SamplingSettings, kind_of

KEY = "eddyline"
USER_COMMENT = 0x9286
EXIF_IFD = 0x8769
UNICODE = b"UNICODE\x00"
SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
MADE = "trainedAlgorithmicMedia"
EDITED = "compositeWithTrainedAlgorithmicMedia"
MAX_RECORD = 200_000  # characters of metadata worth parsing


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
    """

    kind: str
    settings: SamplingSettings
    unknown: dict[str, Any]
    ai_mark: str | None
    origin: Origin | None = None


def record(settings: SamplingSettings, origin: Origin | None = None) -> str:
    """The JSON that is written into files."""
    held: dict[str, Any] = {"kind": kind_of(settings), "settings": settings.model_dump(mode="json")}
    if origin is not None:
        held["asset"] = asdict(origin)
    return json.dumps(held, ensure_ascii=False)


def parameters(settings: SamplingSettings) -> str:
    """The settings in AUTOMATIC1111's grammar: prompt, negative prompt, then one line of pairs."""
    values = settings.model_dump(mode="json")
    lines = [_one_line(values["prompt"])]
    if values.get("negative_prompt"):
        lines.append(f"Negative prompt: {_one_line(values['negative_prompt'])}")
    pairs = [f"Steps: {values['steps']}", f"Sampler: {values['solver']}", f"CFG scale: {values['guidance']}"]
    pairs.append(f"Seed: {values['seed']}")
    if isinstance(settings, ImageSettings):
        pairs.append(f"Size: {settings.width}x{settings.height}")
    lines.append(", ".join([*pairs, f"Model: {values['model']}"]))
    return "\n".join(lines)


def xmp(*, edited: bool) -> bytes:
    """XMP packet with the AI mark: made by a model, or a picture edited with one."""
    kind = SOURCE_TYPES + (EDITED if edited else MADE)
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{kind}"/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def embedded(
    image_format: str, settings: SamplingSettings, *, edited: bool, origin: Origin | None = None
) -> dict[str, Any]:
    """Keyword arguments that make ``Image.save`` write settings and mark into ``png``, ``jpeg`` or ``webp``."""
    if image_format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, record(settings, origin))
        info.add_itxt("parameters", parameters(settings))
        info.add_itxt("XML:com.adobe.xmp", xmp(edited=edited).decode())
        return {"pnginfo": info}
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = UNICODE + record(settings, origin).encode("utf-16-be")
    return {"exif": exif, "xmp": xmp(edited=edited)}


def read_settings(path: str | Path) -> Provenance | None:
    """What a picture file says of how it was made; None when it says nothing that this program wrote.

    Raises:
        MediaError: the file claims to be from this program but its record is damaged or of a newer version.
    """
    try:
        # Pillow warns of damaged metadata; what matters here is what can be read.
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            text = image.info.get(KEY) or _user_comment(image)
            mark = _ai_mark(image.info.get("xmp") or image.info.get("XML:com.adobe.xmp"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    if not text or len(text) > MAX_RECORD:
        return None
    try:
        found = json.loads(text)
        kind, raw = str(found["kind"]), dict(found["settings"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None  # some other program's comment
    if kind not in ANY_SETTINGS:
        raise MediaError(f"{Path(path).name}: made by {kind!r}, which this version does not know; update eddyline")
    try:
        settings, unknown = ANY_SETTINGS[kind].migrate(raw)
    except SettingsError as error:
        raise MediaError(f"{Path(path).name}: its settings cannot be used ({error})") from error
    return Provenance(kind, settings, unknown, mark, _origin(found.get("asset")))


def _origin(raw: Any) -> Origin | None:
    """Which asset a record names; None when it names none, or not as this program writes it."""
    try:
        parents = tuple((str(role), str(asset)) for role, asset in raw["parents"])
        return Origin(str(raw["id"]), float(raw["created"]), parents, str(raw["job"]), int(raw["place"]))
    except (TypeError, KeyError, ValueError):
        return None


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def _user_comment(image: Image.Image) -> str | None:
    raw = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT)
    if isinstance(raw, bytes) and raw.startswith(UNICODE):
        return raw[len(UNICODE) :].decode("utf-16-be", errors="replace")
    return None


def _ai_mark(packet: bytes | str | None) -> str | None:
    text = packet.decode(errors="replace") if isinstance(packet, bytes) else packet or ""
    return next((kind for kind in (EDITED, MADE) if SOURCE_TYPES + kind in text), None)
