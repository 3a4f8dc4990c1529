"""Content credentials (C2PA): a signature over a finished file, and reading of anybody's.

Off unless ``EDDYLINE_C2PA=1`` or asked for. Signing comes after all other writing, because whatever is written later
reads as tampering. Without an own certificate (``EDDYLINE_C2PA_CERT`` and ``EDDYLINE_C2PA_KEY``, files in PEM) one is
made on first use and kept in the home folder: it proves that a file is unchanged since this machine made it, and, as
nobody vouches for it, not who made it. Nothing here uses the network: no time stamps, no remote manifests, no OCSP.
"""

import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pipelines.errors import MediaError
from studio.provenance.identity import Identity, anchors, identity
from studio.provenance.records import EDITED, SOURCE_TYPES, Stamp

FORMATS = {
    **{"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp", "avif": "image/avif", "gif": "image/gif"},
    **{"mp4": "video/mp4", "wav": "audio/wav", "flac": "audio/flac", "mp3": "audio/mpeg"},
}
MAX_PICTURE = 256 << 20  # bytes: the library takes three times a JPEG's size of memory
_OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_BARE = {"builder": {"thumbnail": {"enabled": False}}}
_UNTRUSTED = "signingCredential.untrusted"  # is no fault of the file: reported as ``trusted``


@dataclass(frozen=True)
class Credentials:
    """What a file's content credentials say.

    Attributes:
        issuer: organisation that signed, as its certificate names it.
        name: who or what there did.
        valid: the signature is whole and fits the file.
        trusted: the certificate is the one of this machine; no others are vouched for here.
        changed: the file was changed after it was signed.
        problems: what does not fit, in C2PA's words.
        actions: what was done, for example ``c2pa.created``.
        source_types: DigitalSourceType of those actions, where they name one.
        generator: program that made the claim.
    """

    issuer: str = ""
    name: str = ""
    valid: bool = False
    trusted: bool = False
    changed: bool = False
    problems: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    generator: str = ""


def wanted(sign: bool | None) -> bool:
    """Whether a file is to be signed: as said, or else as ``EDDYLINE_C2PA`` says."""
    return os.environ.get("EDDYLINE_C2PA", "") not in ("", "0") if sign is None else sign


def why_not(file_format: str) -> str | None:
    """Why files of this format cannot be signed here, in words for a person; None when they can."""
    if file_format not in FORMATS:
        return f"{file_format.upper()} files cannot carry content credentials; {', '.join(FORMATS).upper()} can"
    if find_spec("c2pa") is None:
        return "content credentials need an extra package: pip install 'eddyline[credentials]'"
    return None


def sign(path: Path, file_format: str, stamp: Stamp, *, parent: Path | None = None) -> None:
    """Sign a finished file in place; nothing may be written to it afterwards.

    Args:
        path: the file.
        file_format: a key of :data:`FORMATS`.
        stamp: what the file carries; its mark becomes the credentials' digital source type.
        parent: the file that this one was converted from, whose own credentials are passed on.

    Raises:
        MediaError: the format or the certificate does not allow it.
    """
    reason = why_not(file_format)
    if reason:
        raise MediaError(f"sign: {reason}")
    import c2pa

    signed = path.with_name(path.name + ".signed")
    try:
        with (
            _signer(identity()) as signer,
            c2pa.Context(
                c2pa.Settings.from_dict({**_OFFLINE, "builder": {"thumbnail": {"enabled": False}}})
            ) as context,
            c2pa.Builder(_manifest(stamp, parent is not None), context=context) as builder,
            open(path, "rb") as source,
            open(signed, "w+b") as target,
        ):
            if parent is not None:
                _add_parent(builder, parent)
            builder.sign(signer, FORMATS[file_format], source, target)
        os.replace(signed, path)
    except c2pa.C2paError as error:
        raise MediaError(f"sign: the file cannot be signed ({error})") from error
    finally:
        signed.unlink(missing_ok=True)


def read(path: Path, file_format: str) -> Credentials | None:
    """The content credentials of a file, or None when it has none.

    Raises:
        MediaError: they cannot be looked for; says why.
    """
    if file_format not in FORMATS:
        return None
    reason = why_not(file_format)
    if reason:
        raise MediaError(f"credentials: {reason}")
    if FORMATS[file_format].startswith("image/") and path.stat().st_size > MAX_PICTURE:
        raise MediaError(f"credentials: pictures of more than {MAX_PICTURE >> 20} MiB are not looked into")
    import c2pa

    own = anchors()
    settings = {**_OFFLINE, "trust": {"user_anchors": own}} if own else _OFFLINE
    try:
        with c2pa.Context(c2pa.Settings.from_dict(settings)) as context, open(path, "rb") as file:
            with c2pa.Reader(FORMATS[file_format], file, context=context) as reader:
                found = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except (c2pa.C2paError, ValueError, OSError) as error:
        # There is something, but not what a signer writes: damage inside the credentials themselves.
        return Credentials(changed=True, problems=(f"cannot be read: {error}"[:300],))
    return _read(found)


def _read(found: dict[str, Any]) -> Credentials:
    manifest = found.get("manifests", {}).get(found.get("active_manifest"), {})
    signature = manifest.get("signature_info", {})
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if str(assertion.get("label", "")).startswith("c2pa.actions")
        for action in assertion.get("data", {}).get("actions", [])
    ]
    generators = manifest.get("claim_generator_info") or [{}]
    problems = [status for status in found.get("validation_status", []) if status.get("code") != _UNTRUSTED]
    return Credentials(
        issuer=str(signature.get("issuer", "")),
        name=str(signature.get("common_name", "")),
        valid=found.get("validation_state") in ("Valid", "Trusted"),
        trusted=found.get("validation_state") == "Trusted",
        changed=any("mismatch" in str(status.get("code")) for status in problems),
        problems=tuple(f"{status.get('code')}: {status.get('explanation', '')}"[:300] for status in problems),
        actions=tuple(str(action.get("action", "")) for action in actions),
        source_types=tuple(
            str(action["digitalSourceType"]).rsplit("/", 1)[-1] for action in actions if "digitalSourceType" in action
        ),
        generator=" ".join(str(generators[0].get(key, "")) for key in ("name", "version")).strip(),
    )


def _manifest(stamp: Stamp, converted: bool) -> dict[str, Any]:
    """The claim: C2PA wants "created" or "opened" first, and an edit told after it."""
    agent = {"softwareAgent": {"name": "Eddyline"}}
    source = {"digitalSourceType": stamp.source_type} if stamp.source_type else {}
    if converted:
        opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}, **agent}
        actions = [opened, {"action": "c2pa.converted", **agent}]
    elif stamp.mark == EDITED:
        actions = [{"action": "c2pa.created", **source, **agent}, {"action": "c2pa.edited", **source, **agent}]
    else:
        actions = [{"action": "c2pa.created", **(source or {"digitalSourceType": f"{SOURCE_TYPES}digitalCreation"})}]
        actions[0] |= agent
    return {
        "claim_generator_info": [{"name": "Eddyline", "version": _version()}],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}],
    }


def _add_parent(builder: Any, parent: Path) -> None:
    from studio.provenance.reading import sniff

    kind = sniff(parent) or ""
    ingredient = {"title": parent.name, "relationship": "parentOf", "label": "parent"}
    with open(parent, "rb") as file:
        builder.add_ingredient(json.dumps(ingredient), FORMATS.get(kind, "application/octet-stream"), file)


def _signer(who: Identity) -> Any:
    import c2pa

    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(who.algorithm, who.chain, who.key, None))


def _version() -> str:
    from importlib import metadata

    try:
        return metadata.version("eddyline")
    except metadata.PackageNotFoundError:
        return "unknown"
