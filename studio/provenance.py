"""What a file says about itself: the settings that made it, and that a machine made it.

PNG carries the settings twice: as JSON under ``eddyline`` for this program and as ``parameters`` in AUTOMATIC1111's
grammar for others. JPEG and WebP carry the JSON in the EXIF user comment. All three carry IPTC's DigitalSourceType in
XMP, the machine-readable mark of AI-made media.
"""

import json
import warnings
from dataclasses import dataclass
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
class Provenance:
    """What a file claims.

    Attributes:
        kind: what made it, for example ``image.generate``.
        settings: the settings that made it.
        unknown: settings that a newer or other version wrote and this one does not know.
        ai_mark: value of DigitalSourceType, or None.
    """

    kind: str
    settings: SamplingSettings
    unknown: dict[str, Any]
    ai_mark: str | None


def record(settings: SamplingSettings) -> str:
    """The JSON that is written into files."""
    return json.dumps({"kind": kind_of(settings), "settings": settings.model_dump(mode="json")}, ensure_ascii=False)


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


def embedded(image_format: str, settings: SamplingSettings, *, edited: bool) -> dict[str, Any]:
    """Keyword arguments that make ``Image.save`` write settings and mark into ``png``, ``jpeg`` or ``webp``."""
    if image_format == "png":
        info = PngImagePlugin.PngInfo()
        info.add_itxt(KEY, record(settings))
        info.add_itxt("parameters", parameters(settings))
        info.add_itxt("XML:com.adobe.xmp", xmp(edited=edited).decode())
        return {"pnginfo": info}
    exif = Image.Exif()
    exif.get_ifd(EXIF_IFD)[USER_COMMENT] = UNICODE + record(settings).encode("utf-16-be")
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
    return Provenance(kind, settings, unknown, mark)


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
