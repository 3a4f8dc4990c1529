"""Masks that are painted on some frames of a clip: kept in one picture, given on the command line and by a page."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from pipelines.errors import MediaError, SettingsError
from pipelines.media import Mask
from pipelines.video import read_masks_file, save_masks
from studio import runs
from studio.commands.clips import masks_in

SIZE = (20, 16)


def half(side, size=SIZE):
    weights = np.zeros(size[::-1], np.float32)
    weights[:, : size[0] // 2] = 1
    return Mask(weights if side == "left" else 1 - weights)


def png(path, mask):
    Image.fromarray((mask.weights * 255).astype(np.uint8)).save(path)
    return path


def test_masks_by_frame_return_from_one_file(tmp_path):
    soft = Mask(np.linspace(0, 1, 320, dtype=np.float32).reshape(16, 20))
    save_masks({9: half("right"), 0: half("left"), 4: soft}, tmp_path / "m.png")
    found = read_masks_file(tmp_path / "m.png", SIZE)
    assert [frame for frame, _ in found] == [0, 4, 9]
    assert np.array_equal(found[0][1].weights, half("left").weights)
    assert np.abs(found[1][1].weights - soft.weights).max() <= 0.5 / 255 + 1e-6
    still = read_masks_file(png(tmp_path / "s.png", half("left")), SIZE)
    assert isinstance(still, Mask) and np.array_equal(still.weights, half("left").weights)


def test_masks_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(MediaError, match="painted on 0 frames; paint on 1 to 64"):
        save_masks({}, tmp_path / "m.png")
    with pytest.raises(MediaError, match=r"of one size, got 8 x 8 and 20 x 16 pixels"):
        save_masks({0: half("left"), 1: half("left", (8, 8))}, tmp_path / "m.png")
    save_masks({0: half("left"), 3: half("right")}, tmp_path / "m.png")
    with pytest.raises(MediaError, match=r"m.png is \(20, 32\) pixels, the picture is \(40, 32\)"):
        read_masks_file(tmp_path / "m.png", (40, 16))
    for told in ("0 x", "3 1", "1 1", "-1 2", " ".join(map(str, range(65)))):
        text = PngImagePlugin.PngInfo()
        text.add_text("Frames", told)
        Image.new("L", (20, 32), 255).save(tmp_path / "bad.png", pnginfo=text)
        with pytest.raises(MediaError, match="mask: bad.png .* paint it anew"):
            read_masks_file(tmp_path / "bad.png", SIZE)


def test_the_command_line_takes_one_mask_or_one_for_each_of_some_frames(tmp_path):
    left, right = (png(tmp_path / f"{side}=.png", half(side)) for side in ("left", "right"))
    with masks_in([]) as none, masks_in([str(left)]) as one:
        assert none is None and one == left
    with masks_in([f"8={right}", f"0={left}"]) as both:
        found = read_masks_file(both, SIZE)
    assert [frame for frame, _ in found] == [0, 8] and not both.exists()
    assert np.array_equal(found[1][1].weights, half("right").weights)
    with pytest.raises(SettingsError, match="FRAME=PICTURE"), masks_in([str(left), f"8={right}"]):
        pass
    with pytest.raises(SettingsError, match="frame 8 is painted twice"), masks_in([f"8={right}", f"08={left}"]):
        pass


class Kept:
    """A workshop that keeps nothing but what it is given."""

    def keep_mask(self, mask, owner):
        self.mask = mask
        return "kept"


def address(mask):
    held = io.BytesIO()
    layer = np.zeros((*mask.weights.shape, 4), np.uint8)
    layer[..., 3] = mask.weights * 255
    Image.fromarray(layer).save(held, "PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def test_a_page_paints_one_frame_or_several():
    shop = Kept()
    empty = Mask(np.zeros((16, 20), np.float32))
    assert runs.masked(shop, address(half("left")), "", lambda: SIZE) == "kept"
    assert np.array_equal(shop.mask.weights, half("left").weights)
    several = {"0": address(half("left", (40, 32))), "12": address(half("right")), "5": address(empty)}
    assert runs.masked(shop, json.dumps(several), "", lambda: SIZE) == "kept"
    assert sorted(shop.mask) == [0, 12] and np.array_equal(shop.mask[0].weights, half("left").weights)
    assert runs.masked(shop, json.dumps({"0": address(empty)}), "", lambda: SIZE) is None


@pytest.mark.parametrize(
    "told, message",
    [
        ("{", "expected PNGs by frame"),
        ('{"a": "data:"}', "expected PNGs by frame"),
        ('{"99": "data:"}', r"painted on frames \[99\], at most 64"),
        ('{"0": "javascript:1"}', "expected a PNG from the page"),
        ('{"0": "data:image/png;base64,AAAA"}', "could not be read"),
    ],
)
def test_what_no_page_sends_is_refused(told, message):
    with pytest.raises(MediaError, match=f"mask: .*{message}"):
        runs.masked(Kept(), told, "", lambda: SIZE)
