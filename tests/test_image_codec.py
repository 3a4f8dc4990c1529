"""Reading any file, fitting it onto the canvas, and bringing it back."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from bad_uploads import REFUSED, many_values
from PIL import Image
from starters import any_picture

from pipelines.codecs.image import Fit, read_mask, read_mask_file, read_picture, to_picture, to_signal, without_haze
from pipelines.errors import MediaError
from pipelines.media import Mask, Picture

SIZES = [(64, 64), (100, 37), (37, 100), (1, 1), (13, 7), (64, 1), (301, 299), (2000, 3)]


def encoded(image, kind, **options):
    held = io.BytesIO()
    image.save(held, kind, **options)
    return held.getvalue()


def gradient(mode="RGB"):
    ramp = np.arange(40 * 30 * 3, dtype=np.uint32).reshape(30, 40, 3) % 256
    return Image.fromarray(ramp.astype(np.uint8)).convert(mode)


def pixels_of(data):
    return read_picture(data)[0].pixels


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, rows, extra=b""):
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


# -- what cannot be read -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"hello", b"\x00" * 100, b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"GIF89a"])
def test_what_is_not_a_picture_is_refused(data):
    with pytest.raises(MediaError, match="^picture: (not a picture that can be read|damaged)"):
        read_picture(data)


def test_files_are_named_in_refusals(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(MediaError, match="^empty.png: the file is empty$"):
        read_picture(tmp_path / "empty.png")
    with pytest.raises(MediaError, match="^text.png: not a picture"):
        read_picture(tmp_path / "text.png")
    with pytest.raises(MediaError, match="^gone.png: no such file$"):
        read_picture(tmp_path / "gone.png")
    with pytest.raises(MediaError, match=": no such file$"):
        read_picture(tmp_path)
    with pytest.raises(MediaError, match="^picture: the file is empty$"):
        read_picture(b"")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.95])
def test_a_picture_cut_short_is_refused(kind, share):
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    data = encoded(Image.fromarray(noise), kind)
    with pytest.raises(MediaError, match="^picture: (damaged or cut short|not a picture)"):
        read_picture(data[: int(len(data) * share)])


def test_a_bomb_is_refused_before_it_goes_off():
    row = b"\x00" * (1 + 30_000 // 8)
    bomb = png(30_000, 30_000, 1, 0, row * 2_000)
    assert len(bomb) < 20_000
    started = time.perf_counter()
    with pytest.raises(MediaError, match="^picture: far too many pixels, at most 40 million"):
        read_picture(bomb)
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize(
    "name",
    "canvas.gif blocks.gif tiny-blocks.gif parts.png comment.ppm plain.ppm canvas.webp values.tif tiles.tif exif.jpg "
    "long-exif.jpg exif.avif passes.jpg segments.jpg inside.ico".split(),
)
def test_small_files_that_would_take_minutes_or_gigabytes_are_refused(name):
    started = time.process_time()
    with pytest.raises(MediaError, match="^picture: .*(at most|more than|would take|far too|its size is not)"):
        read_picture(REFUSED[name][0])
    assert time.process_time() - started < 2


def test_oversized_exif_of_a_png_is_ignored_and_its_pixels_are_read():
    blob = many_values(2000, 40_000)
    data = encoded(gradient(), "PNG")
    assert pixels_of(data[:33] + chunk(b"eXIf", blob) + data[33:]).shape == (30, 40, 4)


def test_a_picture_above_the_limit_is_refused_with_its_size():
    large = png(8_000, 8_000, 1, 0, b"\x00" * 1001 * 10)
    with pytest.raises(MediaError, match="^picture: 8000 x 8000 is 64 megapixels, at most 40; make it smaller first"):
        read_picture(large)


def test_a_format_that_runs_a_program_is_refused():
    with pytest.raises(MediaError, match="^picture: not a picture that can be read"):
        read_picture(encoded(gradient(), "EPS"))


def test_a_text_that_inflates_without_end_is_refused():
    text = chunk(b"zTXt", b"note\x00\x00" + zlib.compress(b"a" * 80_000_000, 9))
    data = png(8, 8, 8, 0, (b"\x00" + b"\x80" * 8) * 8, extra=text)
    with pytest.raises(MediaError, match="^picture: damaged"):
        read_picture(data)


# -- what can be read, and comes out right -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM", "TGA"])
def test_lossless_formats_come_through_exactly(kind):
    image = gradient().quantize(64).convert("RGB")
    read = pixels_of(encoded(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert np.array_equal(read[..., :3], np.asarray(image)) and (read[..., 3] == 255).all()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_frame_is_taken_with_a_note(kind):
    frames = [Image.new("RGB", (20, 10), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    picture, notes = read_picture(data)
    assert picture.size == (20, 10) and picture.pixels[5, 5].tolist() == [255, 0, 0, 255]
    assert notes == ("picture is animated; its first frame is used",)


def test_cmyk_becomes_rgb():
    data = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=95)
    assert np.abs(pixels_of(data)[8, 8].astype(int) - [255, 0, 0, 255]).max() <= 4


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    values = np.array([[0, 257 * 10, 257 * 128, 65535]], dtype=np.uint16)
    picture, notes = read_picture(encoded(Image.fromarray(values), "PNG"))
    assert picture.pixels[0, :, 0].tolist() == [0, 10, 128, 255]
    assert notes == ("picture has more than 8 bits a channel; it is reduced to 8",)


def test_sixteen_bit_rgb_is_scaled():
    values = np.array([0, 257 * 77, 65535, 257 * 3, 257, 257 * 200], dtype=">u2").tobytes()
    read = pixels_of(png(2, 1, 16, 2, b"\x00" + values))
    assert read[0, :, :3].tolist() == [[0, 77, 255], [3, 1, 200]]


@pytest.mark.parametrize("top", [1.0, 255.0])
def test_float_pictures_are_scaled(top):
    values = np.array([[0, 0.5, 1.0]], dtype=np.float32) * top
    picture, notes = read_picture(encoded(Image.fromarray(values), "TIFF"))
    assert picture.pixels[0, :, 0].tolist() == [0, 128, 255] and len(notes) == 1


def test_a_palette_with_transparency_keeps_it():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putdata([0, 1])
    read = pixels_of(encoded(image, "PNG", transparency=1))
    assert read[0].tolist() == [[255, 0, 0, 255], [0, 255, 0, 0]]


@pytest.mark.parametrize("mode, pixel", [("1", [255] * 4), ("L", [200] * 3 + [255]), ("LA", [200] * 3 + [90])])
def test_grey_becomes_rgb(mode, pixel):
    colour = {"1": 1, "L": 200, "LA": (200, 90)}[mode]
    assert pixels_of(encoded(Image.new(mode, (3, 3), colour), "PNG"))[1, 1].tolist() == pixel


@pytest.mark.parametrize("orientation, corner", [(1, (0, 0)), (3, (-1, -1)), (6, (0, -1)), (8, (-1, 0))])
def test_a_turned_photograph_stands_upright(orientation, corner):
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :8] = 255  # a mark in the upper left of the stored picture
    exif = Image.Exif()
    exif[0x0112] = orientation
    read = pixels_of(encoded(Image.fromarray(pixels), "JPEG", exif=exif, quality=95))
    assert read.shape[:2] == ((16, 32) if orientation in (1, 3) else (32, 16))
    assert read[corner][0] > 240 and (read[..., 0] > 128).sum() == 64


def test_colour_under_zero_alpha_is_kept():
    picture = any_picture(9, 5)
    assert (picture.pixels[..., 3] == 0).any()
    assert np.array_equal(pixels_of(encoded(Image.fromarray(picture.pixels), "PNG")), picture.pixels)


def test_damaged_orientation_does_not_stop_a_picture():
    data = encoded(gradient(), "JPEG", exif=b"Exif\x00\x00II*\x00garbage")
    assert pixels_of(data).shape == (30, 40, 4)


# -- masks -------------------------------------------------------------------------------------------------------------


def test_a_mask_file_is_its_alpha_or_else_its_brightness(tmp_path):
    alpha = np.full((4, 6, 4), 255, np.uint8)
    alpha[..., 3] = [0, 51, 102, 153, 204, 255]
    Image.fromarray(alpha).save(tmp_path / "alpha.png")
    Image.fromarray(alpha[..., 3]).save(tmp_path / "grey.png")
    wanted = np.tile(np.array([0, 0.2, 0.4, 0.6, 0.8, 1], np.float32), (4, 1))
    for name in ("alpha.png", "grey.png"):
        np.testing.assert_allclose(read_mask_file(tmp_path / name, (6, 4)).weights, wanted, atol=1e-6)


def test_a_mask_of_another_size_or_an_empty_one_is_refused(tmp_path):
    Image.new("L", (6, 4), 255).save(tmp_path / "white.png")
    Image.new("L", (6, 4), 0).save(tmp_path / "black.png")
    with pytest.raises(MediaError, match=r"white.png is \(6, 4\) pixels, the picture is \(6, 5\)"):
        read_mask_file(tmp_path / "white.png", (6, 5))
    with pytest.raises(MediaError, match="black.png is empty"):
        read_mask_file(tmp_path / "black.png", (6, 4))


def test_a_painted_layer_counts_wherever_it_covers_at_all():
    layer = Image.new("RGBA", (8, 8))
    layer.putpixel((2, 3), (0, 0, 0, 1))
    weights = read_mask(layer, (8, 8)).weights
    assert weights.sum() == 1 and weights[3, 2] == 1
    assert read_mask(layer, (16, 16)).weights.sum() == 4
    assert read_mask(Image.new("RGBA", (8, 8), (255, 255, 255, 0)), (8, 8)) is None


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan, np.inf])
def test_mask_weights_outside_their_range_are_refused(value):
    with pytest.raises(MediaError, match="between 0 and 1"):
        Mask(np.array([[0, value]], np.float32))


def test_pixels_of_another_kind_are_refused_with_what_they_are():
    with pytest.raises(MediaError, match=r"float64 \(4, 4, 4\)"):
        Picture(np.zeros((4, 4, 4)))
    with pytest.raises(MediaError, match=r"uint8 \(4, 4, 3\)"):
        Picture(np.zeros((4, 4, 3), np.uint8))


# -- tensors -----------------------------------------------------------------------------------------------------------


def test_opaque_pixels_survive_the_signal_exactly():
    pixels = any_picture(64, 48).pixels.copy()
    pixels[..., 3] = 255
    assert np.array_equal(to_picture(to_signal(Picture(pixels))[0]).pixels, pixels)


def test_every_colour_under_every_alpha_survives_within_its_rounding():
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    pixels = np.dstack([colour, colour[::-1], colour[:, ::-1], alpha])
    back = to_picture(to_signal(Picture(pixels))[0]).pixels
    assert np.array_equal(back[..., 3], alpha)
    seen = alpha > 0
    error = np.abs(back[..., :3].astype(int) - pixels[..., :3])[seen]
    step = 255 / alpha[seen].astype(float)  # one step of premultiplied colour
    assert (error <= (step / 2 + 1)[:, None]).all()
    assert (back[..., :3][~seen] == 0).all()
    twice = to_picture(to_signal(Picture(back))[0]).pixels
    assert np.array_equal(twice, back)


def test_the_signal_is_premultiplied_and_in_range():
    signal = to_signal(any_picture(32, 32))
    assert signal.shape == (1, 4, 32, 32) and signal.dtype == torch.float32
    assert signal.min() == -1 and signal.max() <= 1
    assert (signal[:, :3] <= signal[:, 3:] + 1e-6).all()
    assert to_signal(Picture(np.array([[[90, 80, 70, 0]]], np.uint8))).flatten().tolist() == [-1] * 4


def test_values_beyond_the_range_are_clipped():
    signal = torch.tensor([3.0, 0.0, -5.0, 1.5]).reshape(4, 1, 1)
    assert to_picture(signal).pixels[0, 0].tolist() == [255, 128, 0, 255]


# -- the canvas --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size, box",
    [
        ((64, 64), (0, 0, 64, 64)),
        ((128, 64), (0, 16, 64, 32)),
        ((64, 128), (16, 0, 32, 64)),
        ((16, 8), (0, 16, 64, 32)),
        ((1, 1), (0, 0, 64, 64)),
        ((4000, 1), (0, 31, 64, 1)),
        ((100, 37), (0, 20, 64, 24)),
    ],
)
def test_a_picture_touches_the_canvas_and_is_centred(size, box):
    fit = Fit(any_picture(*size), 64)
    assert fit.box == box
    left, top, width, height = box
    signal = fit.signal()
    assert signal.shape == (1, 4, 64, 64)
    around = torch.ones(64, 64, dtype=torch.bool)
    around[top : top + height, left : left + width] = False
    assert (signal[0][:, around] == -1).all()


def test_a_picture_of_the_canvas_size_is_not_resampled():
    picture = any_picture(64, 64)
    assert torch.equal(Fit(picture, 64).signal(), to_signal(picture))


@pytest.mark.parametrize("size", SIZES)
def test_an_unedited_canvas_restores_every_bit(size):
    picture = any_picture(*size)
    fit = Fit(picture, 64)
    assert np.array_equal(fit.restore(fit.signal()).pixels, picture.pixels)


@pytest.mark.parametrize("size", SIZES)
def test_outside_a_hard_mask_every_bit_returns_whatever_the_edit(size):
    picture = any_picture(*size)
    rng = np.random.default_rng(1)
    mask = torch.from_numpy(rng.integers(0, 2, (1, 1, size[1], size[0])).astype(np.float32))
    edited = 2 * torch.rand(1, 4, 64, 64, generator=torch.Generator().manual_seed(0)) - 1
    restored = Fit(picture, 64).restore(edited, mask)
    outside = mask[0, 0].numpy() == 0
    assert np.array_equal(restored.pixels[outside], picture.pixels[outside])
    if (~outside).sum() > 10:
        assert (restored.pixels[~outside] != picture.pixels[~outside]).any(-1).mean() > 0.5


def test_an_edit_arrives_at_full_size_where_it_was_made():
    picture = Picture(np.full((200, 200, 4), 255, np.uint8))
    fit = Fit(picture, 64)
    edited = fit.signal().clone()
    edited[:, :3, :, 32:] = -1  # the right half black
    restored = fit.restore(edited).pixels
    assert (restored[:, :90] == 255).all() and (restored[:, 110:, :3] == 0).all() and (restored[..., 3] == 255).all()


def test_fine_detail_stays_where_the_edit_is_small_and_goes_where_it_is_large():
    rng = np.random.default_rng(0)
    pixels = np.full((256, 256, 4), 255, np.uint8)
    pixels[..., :3] = 110 + rng.integers(0, 2, (256, 256, 1)) * 30  # detail that the canvas cannot hold
    fit = Fit(Picture(pixels), 64)
    unedited = pixels[..., 0].std()
    brighter = fit.restore(fit.signal() + torch.tensor([0.02, 0.02, 0.02, 0]).reshape(1, 4, 1, 1)).pixels
    assert brighter[..., 0].std() > 0.8 * unedited
    assert brighter[..., 0].mean() - pixels[..., 0].mean() == pytest.approx(0.02 * 127.5, abs=0.6)
    replaced = fit.signal().clone()
    replaced[:, :3] = 0.8
    assert fit.restore(replaced).pixels[..., 0].std() < 0.1 * unedited


@pytest.mark.parametrize("size", [(64, 64), (200, 90), (31, 17), (1000, 40)])
def test_a_mask_never_shrinks_on_the_canvas(size):
    fit = Fit(any_picture(*size), 64)
    left, top, width, height = fit.box
    rng = np.random.default_rng(0)
    for _ in range(20):
        x, y = rng.integers(size[0]), rng.integers(size[1])
        weights = np.zeros((size[1], size[0]), np.float32)
        weights[y, x] = 1
        cells = fit.mask(Mask(weights))
        assert cells.shape == (1, 1, 64, 64) and cells.max() == 1
        cell = left + x * width // size[0], top + y * height // size[1]
        assert cells[0, 0, cell[1], cell[0]] == 1
    assert fit.mask(Mask(np.ones((size[1], size[0]), np.float32))).sum() == width * height


def test_haze_goes_and_what_is_there_stays():
    made = np.array([[[9, 9, 9, 3], [200, 0, 0, 15], [200, 0, 0, 16], [1, 2, 3, 255]]], np.uint8)
    clean = without_haze(Picture(made)).pixels
    assert not clean[0, :2].any() and np.array_equal(clean[0, 2:], made[0, 2:])
    source = np.array([[[7, 7, 7, 0], [200, 0, 0, 12], [0, 0, 0, 0], [0, 0, 0, 0]]], np.uint8)
    edited = without_haze(Picture(made), Picture(source)).pixels
    assert np.array_equal(edited[0], [source[0, 0], made[0, 1], made[0, 2], made[0, 3]])
