"""Sound files, through libsndfile."""

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import MediaError
from pipelines.media import Sound
from studio.provenance import boxes, tags
from studio.provenance.records import Stamp

# WAV is what the studio keeps: samples come back bit for bit, as the pixels of a PNG do.
KINDS = {
    "wav": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_24"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
FINER: dict[str, dict[str, Any]] = {
    "ogg": {"compression_level": 0.1},
    "mp3": {"compression_level": 0.1, "bitrate_mode": "VARIABLE"},
}
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
_BLOCK = 1 << 15  # samples: libsndfile's Vorbis keeps a whole write on its stack


def write(sound: Sound, path: Path, kind: str, stamp: Stamp) -> None:
    """Write a wav (32-bit float), flac (24 bit), ogg (Vorbis) or mp3.

    Raises:
        MediaError: MP3 does not know this sample rate.
    """
    import soundfile

    if kind == "mp3" and sound.sample_rate not in MP3_RATES:
        known = ", ".join(map(str, MP3_RATES))
        raise MediaError(f"out: MP3 knows {known} Hz, got {sound.sample_rate}; choose OGG, FLAC or WAV")
    name, subtype = KINDS[kind]
    finer = FINER.get(kind, {})
    samples = np.ascontiguousarray(sound.samples.T)
    with soundfile.SoundFile(
        path, "w", sound.sample_rate, samples.shape[1], subtype=subtype, format=name, **finer
    ) as file:
        for start in range(0, len(samples), _BLOCK):
            file.write(samples[start : start + _BLOCK])
    if kind == "wav":
        boxes.append_chunks(path, stamp)
    else:
        tags.write(path, kind, stamp)
