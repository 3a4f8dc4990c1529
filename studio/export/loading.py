"""Kept files back into memory, for writing them in another format."""

import io
import json
import logging
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipelines.errors import MediaError
from pipelines.media import Clip, Media, Mesh, Picture, Sound
from pipelines.shapes import read_mesh
from pipelines.shapes.colours import from_linear
from studio.export.shapes import FLOAT, UINT, USHORT
from studio.provenance import packs
from studio.provenance.reading import read_visemes, read_words, sniff

log = logging.getLogger(__name__)
_TYPES = {FLOAT: "<f4", UINT: "<u4", USHORT: "<u2", 5121: "u1"}
SLACK = 0.1  # seconds that the last word may reach beyond the sound
MAX_UNPACKED = 4 << 30  # bytes of a PNG sequence
_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


def load(path: Path) -> Media:
    """What a file of any format that this program writes holds.

    Raises:
        MediaError: it is none of them, or damaged.
    """
    kind = sniff(path)
    loaders: dict[str, Any] = {
        **dict.fromkeys(("png", "jpeg", "webp", "avif", "gif"), _pictures),
        **dict.fromkeys(("mp4", "webm"), _film),
        **dict.fromkeys(("wav", "flac", "ogg", "mp3"), _sound),
        **dict.fromkeys(("glb", "obj", "stl", "ply"), lambda path: load_mesh(path)[0]),
        **{"zip": _sequence},
    }
    if kind is None or kind not in loaders:
        raise MediaError(f"file: {path.name!r} is none of the formats that can be converted")
    try:
        found: Media = loaders[kind](path)
    except MediaError:
        raise
    except Exception as error:  # a library says almost anything of a damaged file, its full path included
        raise MediaError(f"file: {path.name!r} cannot be read as {kind.upper()}; it is damaged") from error
    return found


def _pictures(path: Path) -> Picture | Clip:
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        if count == 1:
            return Picture(np.array(image.convert("RGBA")))
        frames, delays = [], []
        for number in range(count):
            image.seek(number)
            frames.append(np.array(image.convert("RGBA")))
            delays.append(max(1, image.info.get("duration", 100)))
    # Frames that stand longer than others were several equal ones: writers of GIF and WebP join those.
    times = np.maximum(1, np.round(np.array(delays) / min(delays))).astype(int)
    return Clip(np.repeat(np.stack(frames), times, axis=0), 1000 * int(times.sum()) / sum(delays))


def _film(path: Path) -> Clip:
    import av

    frames, parts, rate = [], [], 48_000
    with av.open(str(path), format="matroska,webm" if sniff(path) == "webm" else "mp4") as film:
        video = film.streams.video[0]
        # FFmpeg's own decoder of VP9 drops transparency, libvpx's does not.
        see_through = video.codec_context.name == "vp9" and video.metadata.get("alpha_mode") == "1"
        decoder = av.CodecContext.create("libvpx-vp9", "r") if see_through else video.codec_context
        audio = film.streams.audio[0] if film.streams.audio else None
        if audio is not None:
            rate = audio.rate
            resampler = av.AudioResampler("fltp", "mono" if audio.channels == 1 else "stereo", rate)
        for packet in film.demux():
            if packet.stream is video:
                frames += [frame.to_ndarray(format="rgba") for frame in decoder.decode(packet)]
            elif packet.stream is audio:
                for frame in audio.codec_context.decode(packet):
                    parts += [part.to_ndarray() for part in resampler.resample(frame)]
        pace = float(video.average_rate or 25)
    sound = Sound(np.clip(np.concatenate(parts, axis=1), -1, 1), rate, read_words(path)) if parts else None
    return Clip(np.stack(frames), pace, sound, read_visemes(path))


def _sound(path: Path) -> Sound:
    import soundfile

    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    words = read_words(path)
    if words and words[-1].end > len(samples) / rate + SLACK:
        words = ()  # cut since its words were written down: their times are of another sound
    return Sound(np.clip(np.ascontiguousarray(samples.T), -1, 1), rate, words)


def _sequence(path: Path) -> Clip:
    with open(path, "rb") as file:
        rate = packs.read_index(file).get("rate")
    if not isinstance(rate, int | float):
        raise MediaError(f"file: {path.name!r} is a ZIP, but no PNG sequence")
    with zipfile.ZipFile(path) as pack:
        if sum(member.file_size for member in pack.infolist()) > MAX_UNPACKED:
            raise MediaError(f"file: {path.name!r} unpacks to more than {MAX_UNPACKED >> 30} GiB")
        names = sorted(name for name in pack.namelist() if name.endswith(".png"))
        frames = []
        for name in names:
            with Image.open(io.BytesIO(pack.read(name)), formats=["PNG"]) as image:
                frames.append(np.array(image.convert("RGBA")))
        sound = None
        if "sound.wav" in pack.namelist():
            import soundfile

            samples, pace = soundfile.read(io.BytesIO(pack.read("sound.wav")), dtype="float32", always_2d=True)
            sound = Sound(np.ascontiguousarray(samples.T), pace)
    return Clip(np.stack(frames), float(rate), sound)


def load_mesh(path: Path) -> tuple[Mesh, list[str]]:
    """The mesh in a file of any origin that passed the gate, and what should be known of it.

    Raises:
        MediaError: it holds no triangles, or cannot be read.
    """
    kind = sniff(path)
    try:
        if kind == "glb":
            return _glb(path), []
        if kind == "obj" and (picture := path.with_name(f"{path.name}.png")).is_file():
            return _obj_with_texture(path, picture), []
    except Exception as error:  # of another program, or of more parts than this one writes
        log.debug("%s is not as this program writes it: %s", path.name, error)
    return read_mesh(path, kind)


def _obj_with_texture(path: Path, picture: Path) -> Mesh:
    import trimesh

    # From an open file, not its name: what an OBJ calls its materials could be any file of this machine.
    with open(path, "rb") as file:
        found = trimesh.load_mesh(file, file_type="obj", process=False)
    with Image.open(picture) as image:
        texture = Picture(np.array(image.convert("RGBA")))
    uv = np.asarray(found.visual.uv, np.float32)  # type: ignore[union-attr]
    return Mesh(np.asarray(found.vertices, np.float32), np.asarray(found.faces, np.int64), uv=uv, texture=texture)


def _glb(path: Path) -> Mesh:
    """A GLB as this program writes it: one mesh of one part, everything inside the file."""
    data = path.read_bytes()
    size = int.from_bytes(data[12:16], "little")
    tree, body = json.loads(data[20 : 20 + size]), data[28 + size :]
    parts = [part for mesh in tree["meshes"] for part in mesh["primitives"]]
    moved = any({"matrix", "translation", "rotation", "scale"} & set(node) for node in tree["nodes"])
    if len(parts) != 1 or moved or any("uri" in held for held in tree["buffers"] + tree.get("images", [])):
        raise MediaError(f"file: {path.name!r} holds more than one plain mesh")

    def values(index: int) -> np.ndarray:
        accessor = tree["accessors"][index]
        view = tree["bufferViews"][accessor["bufferView"]]
        kind, width = np.dtype(_TYPES[accessor["componentType"]]), _COUNTS[accessor["type"]]
        start = view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
        return np.frombuffer(body, kind, accessor["count"] * width, start).reshape(-1, width)

    part = parts[0]
    named = {name: values(index) for name, index in part["attributes"].items()}
    colours, texture = named.get("COLOR_0"), None
    if colours is not None:
        top = 1.0 if colours.dtype.kind == "f" else float(np.iinfo(colours.dtype).max)
        colours = from_linear(colours / top)
    if tree.get("images"):
        view = tree["bufferViews"][tree["images"][0]["bufferView"]]
        with Image.open(io.BytesIO(body[view["byteOffset"] :][: view["byteLength"]])) as image:
            texture = Picture(np.array(image.convert("RGBA")))
    uv = (named["TEXCOORD_0"] * [1, -1] + [0, 1]).astype(np.float32) if "TEXCOORD_0" in named else None
    faces = values(part["indices"]).reshape(-1, 3).astype(np.int64)
    return Mesh(named["POSITION"].astype(np.float32), faces, colours, uv, texture)
