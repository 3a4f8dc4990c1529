"""Pictures at several times their size."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines import enlarging
from pipelines.enlarging import enlarged
from pipelines.errors import MediaError, ModelError
from pipelines.training.enlarger import HALF, tensors
from studio.pictures import address, large


def drawing(side):
    """A disc with two eyes on nothing, uint8 RGBA, drawn at eight times the size and brought down."""
    image = Image.new("RGBA", (512, 512))
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 472, 472), fill=(255, 190, 40, 255))
    for left in (150, 300):
        draw.ellipse((left, 180, left + 60, 290), fill=(60, 30, 20, 255))
    return np.array(image.resize((side, side), Image.Resampling.BOX))


def error(found, wanted):
    """RMS of two RGBA pictures over white."""
    whites = []
    for pixels in (found, wanted):
        cover = pixels[..., 3:] / 255.0
        whites.append(pixels[..., :3] * cover + 255 * (1 - cover))
    return float(np.sqrt(np.square(whites[0] - whites[1]).mean()))


def test_a_redrawn_drawing_is_nearer_to_the_large_one_than_a_smoothed():
    small, wanted = drawing(64), drawing(256)
    redrawn, smoothed = enlarged(small, 4), enlarged(small, 4, "lanczos")
    assert redrawn.shape == (256, 256, 4) and redrawn.dtype == np.uint8
    assert error(redrawn, wanted) < 0.8 * error(smoothed, wanted)
    assert (redrawn[:8, :8, 3] == 0).all() and (redrawn[128, 110:140] > 230).sum() > 0


@pytest.mark.parametrize("times", [2, 3, 4, 8])
def test_every_size_keeps_the_picture(times):
    found = enlarged(drawing(32), times)
    assert found.shape == (32 * times, 32 * times, 4)
    back = np.array(Image.fromarray(found).resize((32, 32), Image.Resampling.BOX))
    assert error(back, drawing(32)) < 8


def test_tiles_do_not_show(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 4), np.uint8)
    whole = enlarged(pixels, 4)
    monkeypatch.setattr(enlarging, "TILE", 32)
    assert np.abs(enlarged(pixels, 4).astype(int) - whole).max() <= 1


def test_nothing_at_all_stays_nothing():
    assert not enlarged(np.zeros((9, 7, 4), np.uint8), 4)[..., 3].any()


def test_a_size_that_cannot_be_is_refused_in_words():
    for times in (0, 65):
        with pytest.raises(MediaError, match="enlarge: .* 64 x 64 pixels; choose 1 to 64"):
            enlarged(drawing(64), times)


def test_missing_weights_are_said(monkeypatch, tmp_path):
    monkeypatch.setattr(enlarging, "assets", lambda: tmp_path)
    enlarging._layers.cache_clear()
    try:
        with pytest.raises(ModelError, match="enlarge: .* reinstall"):
            enlarged(drawing(16), 4)
    finally:
        enlarging._layers.cache_clear()


def test_weights_are_read_from_the_published_file_by_place():
    weight, bias, slope = np.arange(27, dtype=np.float16), np.float32([5]), np.float32([0.25])
    graph = "7767517\n2 2\nInput in 0 1 data\nConvolution c 1 1 data a 0=1 1=3 6=27\nPReLU p 1 1 a b 0=1\n"
    held = HALF.to_bytes(4, "little") + weight.tobytes() + b"\0\0" + bias.tobytes() + slope.tobytes()
    found = tensors(graph, held)
    assert found["0.weight"].shape == (1, 3, 3, 3) and found["0.weight"].ravel().tolist() == weight.tolist()
    assert found["0.bias"].tolist() == [5] and found["0.slope"].tolist() == [0.25]
    with pytest.raises(ModelError, match="named"):
        tensors(graph, held + b"\0")
    with pytest.raises(ModelError, match="16-bit"):
        tensors(graph, b"\0" * len(held))


def test_a_page_shows_small_pictures_redrawn_and_others_as_they_are(tmp_path):
    for side in (64, 128):
        Image.fromarray(drawing(side)).save(tmp_path / f"{side}.png")
    assert large(tmp_path / "128.png") == address(tmp_path / "128.png")
    assert large(tmp_path / "64.png") != address(tmp_path / "64.png")
    with pytest.raises(MediaError, match="cannot be shown"):
        large(tmp_path / "none.png")
