"""Which formats there are for each medium."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import MediaError
from pipelines.media import Clip, Media, Mesh, Picture, Sound
from studio.export import films, pictures, shapes, sounds, subtitles, visemes
from studio.provenance.records import Stamp

MEDIA: dict[type, str] = {Picture: "image", Clip: "video", Sound: "audio", Mesh: "mesh"}


@dataclass(frozen=True)
class Format:
    """One way to write a medium.

    Attributes:
        name: of the format, as :func:`studio.provenance.sniff` knows it.
        medium: image, video, audio or mesh; subtitles for what holds the words of a sound or clip alone, track for
            what holds the movement of a mouth alone.
        title: for a person.
        suffixes: endings of file names, the usual one first.
        mime: type for a browser.
        loses: what of the medium does not come back, in words; empty when all does.
        write: makes a file of it.
    """

    name: str
    medium: str
    title: str
    suffixes: tuple[str, ...]
    mime: str
    loses: str
    write: Callable[[Any, Path, Stamp], None]


def _picture(kind: str) -> Callable[[Any, Path, Stamp], None]:
    return lambda media, path, stamp: pictures.write(media, path, kind, stamp)


def _sound(kind: str) -> Callable[[Any, Path, Stamp], None]:
    return lambda media, path, stamp: sounds.write(media, path, kind, stamp)


ALL = (
    Format("png", "image", "PNG", (".png",), "image/png", "", _picture("png")),
    Format("jpeg", "image", "JPEG", (".jpg", ".jpeg"), "image/jpeg", "transparency", _picture("jpeg")),
    Format("webp", "image", "WebP", (".webp",), "image/webp", "", _picture("webp")),
    Format("avif", "image", "AVIF", (".avif",), "image/avif", "a little detail", _picture("avif")),
    Format("mp4", "video", "MP4", (".mp4",), "video/mp4", "transparency", films.write_mp4),
    Format("webm", "video", "WebM", (".webm",), "video/webm", "a little detail", films.write_webm),
    Format("gif", "video", "GIF", (".gif",), "image/gif", "sound, most colours, half transparency", pictures.write_gif),
    Format("webp", "video", "WebP", (".webp",), "image/webp", "sound", pictures.write_moving_webp),
    Format("zip", "video", "PNG sequence", (".zip",), "application/zip", "", films.write_sequence),
    Format("wav", "audio", "WAV", (".wav",), "audio/wav", "", _sound("wav")),
    Format("flac", "audio", "FLAC", (".flac",), "audio/flac", "", _sound("flac")),
    Format("ogg", "audio", "OGG", (".ogg",), "audio/ogg", "a little detail", _sound("ogg")),
    Format("mp3", "audio", "MP3", (".mp3",), "audio/mpeg", "a little detail", _sound("mp3")),
    Format("glb", "mesh", "GLB", (".glb",), "model/gltf-binary", "", shapes.write_glb),
    Format("obj", "mesh", "OBJ", (".obj",), "model/obj", "transparency", shapes.write_obj),
    Format("stl", "mesh", "STL", (".stl",), "model/stl", "colours", shapes.write_stl),
    Format("ply", "mesh", "PLY", (".ply",), "model/ply", "texture", shapes.write_ply),
)
# Of sounds and clips whose words are known. Apart from the others: nothing written so can be made a sound again.
SUBTITLES = (
    Format("srt", "subtitles", "SRT", (".srt",), "application/x-subrip", "the sound", subtitles.write_srt),
    Format("vtt", "subtitles", "WebVTT", (".vtt",), "text/vtt", "the sound", subtitles.write_vtt),
)
# Of clips of talking faces.
TRACKS = (Format("json", "track", "Viseme track", (".json",), "application/json", "the clip", visemes.write_json),)


def formats_of(medium: str) -> tuple[Format, ...]:
    """The formats of a medium (image, video, audio or mesh; lipsync makes videos), the one it is kept in first.

    Those of ``subtitles`` are for sounds and clips whose words are known, those of ``track`` for talking faces.
    """
    known = (*ALL, *SUBTITLES, *TRACKS)
    return tuple(format for format in known if format.medium == {"lipsync": "video"}.get(medium, medium))


def chosen(media: Media, path: Path) -> Format:
    """The format that ``media`` has in a file of this name.

    Raises:
        MediaError: the name ends in nothing that this medium can be written as.
    """
    medium = MEDIA[type(media)]
    known = formats_of(medium)
    beside = {"audio": SUBTITLES, "video": (*SUBTITLES, *TRACKS)}
    for format in (*known, *beside.get(medium, ())):
        if path.suffix.lower() in format.suffixes:
            return format
    endings = ", ".join(suffix for format in known for suffix in format.suffixes)
    raise MediaError(f"out: {path.name!r} must end in {endings}")
