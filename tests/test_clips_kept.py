"""Clips in the library, on a running job's desk and on their way to a page."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from samples import clip, tone

from pipelines.events import Piece, Preview
from pipelines.media import Clip
from pipelines.settings import VideoEditSettings, VideoSettings
from studio import frames
from studio.export import save
from studio.jobs.desk import Desk
from studio.project.comparing import compared
from studio.provenance import read_settings

SETTINGS = VideoSettings(prompt="a red square, sliding", seed=7)


def unpacked(sheet):
    """Frames uint8 [T, H, W, 4] of a sheet."""
    kind, _, data = sheet["picture"].partition(",")
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        whole = np.array(image.convert("RGBA"))
    width, height, columns = sheet["width"], sheet["height"], sheet["columns"]
    places = [(n // columns * height, n % columns * width) for n in range(sheet["frames"])]
    return np.stack([whole[y : y + height, x : x + width] for y, x in places])


@pytest.mark.parametrize("count, height, width", [(1, 8, 8), (7, 33, 47), (16, 64, 64), (5, 20, 200)])
def test_a_sheet_holds_every_frame_exactly(count, height, width):
    made = np.random.default_rng(0).integers(0, 256, (count, height, width, 4), np.uint8)
    sheet = frames.sheet(made, 10)
    assert sheet["rate"] == 10 and np.array_equal(unpacked(sheet), made)


def test_a_sheet_of_a_file_is_made_once_and_one_of_a_long_film_not_at_all(tmp_path):
    made = clip(frames=6)
    path = save(made, tmp_path / "a.webp", SETTINGS)
    sheet = frames.sheet_of(tmp_path, path)
    assert sheet["frames"] == 6 and sheet["size"] == [47, 33] or sheet["size"] == (47, 33)
    assert np.abs(unpacked(sheet)[:, 4:30, 26:].astype(int) - made.frames[:, 4:30, 26:]).mean() < 12
    (kept,) = (tmp_path / frames.EXPORTS).iterdir()
    kept.write_text('{"kept": 1}')
    assert frames.sheet_of(tmp_path, path) == {"kept": 1}
    long = np.zeros((400, 4, 4, 4), np.uint8)
    long[::2] = 255
    told = frames.sheet_of(tmp_path, save(Clip(long, 30), tmp_path / "long.webm", SETTINGS))
    assert told["long"] and "picture" not in told


def test_a_running_job_leaves_sheets_and_the_first_frame(tmp_path):
    made = clip(frames=4)
    desk = Desk(tmp_path)
    assert desk.take(Preview((made,)))
    assert np.array_equal(unpacked(json.loads((tmp_path / "preview-0.json").read_text())), made.frames)
    with Image.open(tmp_path / "preview-0.png") as first:
        assert np.array_equal(np.array(first), made.frames[0])
    for part in (made.frames[:2], made.frames[2:]):
        assert desk.take(Piece(Clip(part, 4)))
    told = [json.loads((tmp_path / f"piece-00{n}.json").read_text()) for n in range(2)]
    assert [each["start"] for each in told] == [0, 0.5]
    assert np.array_equal(np.concatenate([unpacked(each) for each in told]), made.frames)
    assert not list(tmp_path.glob("*.wav"))


def test_an_animated_picture_moves_and_an_edit_is_marked(tmp_path):
    from studio.intake import take

    path = save(clip(frames=3), tmp_path / "a.gif", SETTINGS)
    taken = take(path)
    assert taken.moves and taken.settings == SETTINGS
    assert not take(save_still(tmp_path)).moves
    edit = VideoEditSettings(prompt="b", seed=1)
    assert read_settings(save(clip(frames=3), tmp_path / "b.webm", edit)).ai_mark.startswith("composite")


def save_still(folder):
    Image.new("RGB", (8, 8)).save(folder / "still.gif")
    return folder / "still.gif"


@pytest.mark.parametrize("ending", ["webm", "webp"])
def test_a_clip_made_again_is_compared_as_its_format_keeps_it(tmp_path, ending):
    made = clip(frames=4, sound=tone(0.3))
    path = save(made, tmp_path / f"a.{ending}", SETTINGS)
    assert compared(path, made) == (True, f"same 4 frames as {ending.upper()} keeps them")
    other = made.frames.copy()
    other[2, 10:20, 30:40, :3] ^= 64
    same, why = compared(path, Clip(other, made.rate, made.sound))
    assert not same and "largest difference" in why
    assert "different size" in compared(path, Clip(made.frames[:3], made.rate))[1]
