"""Clips from files: an even pace, any length, and what cannot be read."""

from fractions import Fraction

import av
import numpy as np
import pytest

from pipelines.errors import MediaError
from pipelines.lipsync import open_face, open_film
from pipelines.lipsync.painting import Patch
from pipelines.lipsync.reel import Reel, Still
from pipelines.media import Clip, Picture
from pipelines.settings import LipSyncSettings
from studio.export import save


def film(path, rate, count=12):
    frames = np.zeros((count, 32, 32, 4), np.uint8)
    frames[..., 3] = 255
    frames[..., 0] = (np.arange(count) * 20)[:, None, None]
    save(Clip(frames, rate), path, LipSyncSettings(seed=1))
    return path


@pytest.mark.parametrize("rate", [24.0, 30.0, 59.94])
def test_a_clip_keeps_its_frames(tmp_path, rate):
    found, notes = open_film(film(tmp_path / 'it\'s a "clip".mp4', rate))
    assert found.rate == pytest.approx(rate, rel=1e-3) and found.count == 12 and not notes and found.size == (32, 32)
    shades = [int(frame[..., 0].mean()) for frame in found]
    assert np.allclose(shades, np.arange(12) * 20, atol=6)


def test_twelve_frames_a_second_are_shown_longer(tmp_path):
    found, notes = open_film(film(tmp_path / "slow.mp4", 12.0))
    assert found.rate == 25 and found.count == 25 and "12 frames a second" in notes[0]
    assert len(list(found)) == 25


def test_an_uneven_pace_is_evened(tmp_path):
    with av.open(str(tmp_path / "uneven.mp4"), "w") as out:
        stream = out.add_stream("libx264", 25)
        stream.width = stream.height = 32
        stream.codec_context.time_base = Fraction(1, 1000)
        times = np.cumsum([0, 30, 30, 30, 150, 30, 30, 150, 30, 30])
        for number, when in enumerate(times):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 20 * number, np.uint8), "rgb24")
            frame.pts, frame.time_base = int(when), Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    found, notes = open_film(tmp_path / "uneven.mp4")
    frames = list(found)
    assert len(frames) == found.count and found.count / found.rate == pytest.approx(0.55, abs=0.15)
    shades = [round(float(frame[..., 0].mean()) / 20) for frame in frames]
    assert shades == sorted(shades) and max(np.bincount(shades)) >= 2  # what is shown for long fills several frames
    assert "18.2 frames a second, too few for a mouth" in notes[0]


@pytest.mark.parametrize("rate, kept", [(60.0, 60.0), (120.0, 30.0)])
def test_fast_clips_keep_what_a_mouth_needs(tmp_path, rate, kept):
    found, notes = open_film(film(tmp_path / "fast.mp4", rate, 24))
    assert found.rate == pytest.approx(kept) and len(list(found)) == found.count
    assert bool(notes) == (kept < rate)


def test_frames_up_to_4k_are_taken_and_larger_ones_refused_with_both_numbers(tmp_path):
    def clip(width, height):
        path = tmp_path / f"{width}.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream("libx264", 25, options={"preset": "ultrafast"})
            stream.width, stream.height = width, height
            out.mux(stream.encode(av.VideoFrame(width, height, "yuv420p")))
            out.mux(stream.encode())
        return path

    assert open_film(clip(3840, 2160))[0].size == (3840, 2160)
    with pytest.raises(MediaError, match="4096 x 2304, 9 megapixels, at most 9"):
        open_film(clip(4096, 2304))


def test_pictures_and_clips_are_told_apart_by_content(tmp_path):
    save(Picture(np.full((8, 8, 4), 255, np.uint8)), tmp_path / "still.png", LipSyncSettings(seed=1))
    assert isinstance(open_face(tmp_path / "still.png")[0], Picture)
    film(tmp_path / "clip.mp4", 25.0).rename(tmp_path / "clip.png")
    assert open_face(tmp_path / "clip.png")[0].count == 12
    (tmp_path / "no.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(MediaError, match="no.mp4"):
        open_face(tmp_path / "no.mp4")
    with pytest.raises(MediaError, match="no such file"):
        open_face(tmp_path / "gone.mp4")


def test_a_reel_joins_frames_and_patches_and_holds_the_last(tmp_path):
    found, _ = open_film(film(tmp_path / "a.webm", 25.0))
    reel = Reel(found, 15)
    for number in range(15):
        reel.add([Patch(2, 3, np.full((4, 5, 4), number, np.uint8))])
    assert reel.shape == (15, 32, 32, 4) and len(list(reel)) == 15
    for number, frame in enumerate(reel):
        assert (frame[2:6, 3:8] == number).all() and (frame[8:, :, 3] == 255).all()
    assert np.array_equal(reel[14], list(reel)[14]) and np.array_equal(reel[3], list(reel)[3])
    with pytest.raises(IndexError):
        reel[15]


def test_a_still_lasts_as_long_as_is_asked():
    reel = Reel(Still(np.zeros((4, 4, 4), np.uint8), 25), 7)
    for _ in range(7):
        reel.add([])
    assert len(list(reel)) == 7 and reel[2:5].shape == (3, 4, 4, 4)
