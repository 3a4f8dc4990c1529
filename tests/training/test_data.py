"""Batches, captions, colours and packages, on made-up stickers."""

import hashlib
import io
import json
import tarfile

import numpy as np
import pytest
from PIL import Image

from pipelines.errors import StudioError
from pipelines.models.colours import HUES, colour_name, dominant_hue, hue_saturation_value, repaint
from pipelines.training.card import Card
from pipelines.training.data.captions import STYLE_TEMPLATES, Sampler, caption, styled
from pipelines.training.data.packages import Package
from pipelines.training.data.stickers import Item, StickerSet, entries, is_held_out, premultiplied

STYLES = ("3d", "flat", "cartoon")


def solid(hue, saturation=0.8, value=0.9, alpha=255):
    """One opaque or half-transparent colour, 64 x 64, premultiplied."""
    rgb = Image.new("HSV", (64, 64), (round(hue / 360 * 255), round(saturation * 255), round(value * 255)))
    pixels = np.dstack([np.asarray(rgb.convert("RGB")), np.full((64, 64), alpha, np.uint8)])
    return premultiplied(Image.fromarray(pixels))


def stickers(count=60):
    names = [f"thing {index}" for index in range(count)]
    pictures, items = [], []
    for index, name in enumerate(names):
        picture = solid(index * 360 / count)
        tags = ("first tag", "second tag", "third tag", "ab")
        items.append(Item(name, name, STYLES[index % 3], tags, 1.0, dominant_hue(picture), is_held_out(name)))
        pictures.append(picture)
    return StickerSet(np.stack(pictures), items)


def test_a_batch_depends_on_seed_and_step_alone():
    pictures, prompts, *rest = zip(*Sampler(stickers(), 3).batch(17, 32), strict=True)
    again, same, *also = zip(*Sampler(stickers(), 3).batch(17, 32), strict=True)
    assert np.array_equal(pictures, again) and prompts == same and rest == also
    assert np.shape(pictures) == (32, 64, 64, 4) and pictures[0].dtype == np.uint8
    assert tuple(e.prompt for e in Sampler(stickers(), 3).batch(18, 32)) != prompts
    assert tuple(e.prompt for e in Sampler(stickers(), 4).batch(17, 32)) != prompts


def test_an_example_says_what_it_shows():
    whole = stickers()
    styles = {item.name: item.style for item in whole.items}
    examples = [example for step in range(20) for example in Sampler(whole).batch(step, 32)]
    for example in examples:
        assert {styles[name] for name in example.names} == {example.style}
        bases = [name for name in example.names if example.prompt and name in example.prompt]
        assert len(example.names) == 1 or not example.prompt or len(bases) == 2
    assert {len(example.names) for example in examples} == {1, 2}


def test_held_out_names_never_appear():
    held = {item.name for item in stickers().items if item.held_out}
    assert len(held) >= 2
    sampler = Sampler(stickers().subset(held_out=False))
    prompts = [example.prompt for step in range(40) for example in sampler.batch(step, 32)]
    shown = " | ".join(prompts) + " "
    assert not [name for name in held if f"{name} " in shown.replace(",", " ")]
    assert len({item.name for item in stickers().items if f"{item.name} " in shown.replace(",", " ")}) > 50


def test_one_prompt_in_ten_is_empty():
    sampler = Sampler(stickers())
    prompts = [example.prompt for step in range(60) for example in sampler.batch(step, 64)]
    assert prompts.count("") / len(prompts) == pytest.approx(0.1, abs=0.02)


def test_items_are_drawn_by_their_weight():
    pair = stickers(60)
    items = [Item(i.name, i.base, i.style, (), 3.0 if n < 30 else 1.0, None, False) for n, i in enumerate(pair.items)]
    sampler = Sampler(StickerSet(pair.pictures, items))
    rows = [sampler._row(np.random.default_rng(seed)) for seed in range(4000)]
    assert np.mean(np.array(rows) < 30) == pytest.approx(0.75, abs=0.03)
    styles = np.array([items[row].style for row in rows])
    assert np.mean(styles == "3d") == pytest.approx(0.5, abs=0.03)  # drawn where no style is asked for


@pytest.mark.parametrize("style", STYLES)
def test_seven_captions_in_eight_name_the_style(style):
    item = Item("apple", "apple", style, ("fruit", "food", "sweet"), 1.0, 0.0, False)
    rng = np.random.default_rng(0)
    captions = [caption(item, rng) for _ in range(4000)]
    assert np.mean([style in text for text in captions]) == pytest.approx(7 / 8, abs=0.022)
    assert np.mean(["apple" in text for text in captions]) == pytest.approx(0.92, abs=0.02)
    assert np.mean(["red apple" in text for text in captions]) == pytest.approx(0.10, abs=0.02)


def test_every_wording_of_a_style_is_used():
    rng = np.random.default_rng(0)
    seen = {styled("apple", "flat", rng) for _ in range(300)}
    assert seen == {"apple", *(template.format(name="apple", style="flat") for template in STYLE_TEMPLATES)}


def test_a_colour_is_never_named_twice():
    item = Item("green apple", "green apple", "3d", (), 1.0, 120.0, False)
    rng = np.random.default_rng(0)
    assert not any("green green" in caption(item, rng) for _ in range(500))


def test_a_repainted_picture_is_named_by_its_new_colour():
    sampler, item = Sampler(stickers()), Item("red ball", "red ball", "flat", (), 1.0, 0.0, False)
    rng = np.random.default_rng(0)
    for _ in range(30):
        picture, prompt = sampler._repainted(item, solid(0), rng)
        colour = next(name for name in HUES if name in prompt.replace("ball", ""))
        assert colour_name(dominant_hue(picture)) == colour
        assert f"{colour} ball" in prompt and ("red" not in prompt or colour == "red")


@pytest.mark.parametrize("turn", [30, 120, 215, -60])
@pytest.mark.parametrize("alpha", [255, 128])
def test_repainting_turns_the_hue_and_keeps_the_rest(turn, alpha):
    picture = np.concatenate([solid(hue, 0.8, value, alpha)[:, :16] for hue, value in ((0, 0.9), (90, 0.5))], axis=1)
    hue, saturation, value, _ = hue_saturation_value(picture)
    painted = repaint(picture, turn)
    new_hue, new_saturation, new_value, _ = hue_saturation_value(painted)
    assert np.array_equal(painted[..., 3], picture[..., 3])
    turned = (new_hue - hue - turn + 180) % 360 - 180
    assert np.abs(turned).max() < 2
    assert np.abs(new_value - value).max() < 0.01 and np.abs(new_saturation - saturation).max() < 0.02


def test_repainting_by_nothing_changes_nothing():
    rng = np.random.default_rng(0)
    picture = premultiplied(Image.fromarray(rng.integers(0, 256, (64, 64, 4), dtype=np.uint8)))
    assert np.abs(repaint(picture, 0).astype(int) - picture).max() <= 1
    grey = np.full((4, 4, 4), 128, np.uint8)
    assert np.array_equal(repaint(grey, 90), grey)


@pytest.mark.parametrize("name", HUES)
def test_a_plain_colour_is_found_and_named(name):
    found = dominant_hue(solid(HUES[name]))
    assert abs((found - HUES[name] + 180) % 360 - 180) < 2
    assert colour_name(found) == name


def test_red_is_found_on_both_sides_of_zero():
    picture = np.concatenate([solid(350)[:, :32], solid(10)[:, :32]], axis=1)
    assert colour_name(dominant_hue(picture)) == "red"
    assert colour_name(359) == colour_name(0) == "red"


def test_grey_dark_mixed_and_empty_pictures_have_no_colour():
    assert dominant_hue(solid(100, saturation=0.1)) is None
    assert dominant_hue(solid(100, value=0.1)) is None
    assert dominant_hue(np.concatenate([solid(0)[:, :32], solid(180)[:, :32]], axis=1)) is None
    assert dominant_hue(np.zeros((64, 64, 4), np.uint8)) is None
    mostly_clear = np.zeros((64, 64, 4), np.uint8)
    mostly_clear[:8] = solid(215)[:8]
    assert colour_name(dominant_hue(mostly_clear)) == "blue"  # what is transparent has no say


def test_one_name_in_twenty_is_held_out_by_the_name_alone():
    names = [f"name {index}" for index in range(8000)]
    held = [is_held_out(name) for name in names]
    assert np.mean(held) == pytest.approx(0.05, abs=0.01)
    assert held == [is_held_out(name) for name in names]


def test_skin_tones_share_the_base_name_and_so_its_fate(tmp_path):
    entry = {"label": "Waving Hand", "group": 1, "emoji": "\U0001f44b", "hexcode": "1F44B", "tags": ["Wave"]}
    skin = {"label": "waving hand: dark skin tone", "group": 1, "emoji": "x", "hexcode": "1F44B-1F3FF", "tone": 5}
    signs = {"label": "letter", "emoji": "\U0001f1e6", "hexcode": "1F1E6"}
    (tmp_path / "base/en").mkdir(parents=True)
    (tmp_path / "base/en/data.json").write_text(json.dumps([{**entry, "skins": [skin]}, signs]))
    (tmp_path / "cldr/annotations/en").mkdir(parents=True)
    extra = {"annotations": {"annotations": {"\U0001f44b": {"default": ["hello", "waving hand"]}}}}
    (tmp_path / "cldr/annotations/en/annotations.json").write_text(json.dumps(extra))
    found = list(entries(tmp_path / "base", tmp_path / "cldr"))
    assert [base for _, base in found] == ["waving hand", "waving hand"]
    assert [entry["tags"] for entry, _ in found] == [["hello", "wave"]] * 2


def test_a_saved_set_is_read_back(tmp_path):
    stickers(6).save(tmp_path)
    read = StickerSet.load(tmp_path)
    assert np.array_equal(read.pictures, stickers(6).pictures) and read.items == stickers(6).items


def test_halves_of_the_set_are_complete():
    whole = stickers()
    inside, outside = whole.subset(held_out=False), whole.subset(held_out=True)
    assert len(inside.items) + len(outside.items) == 60 and len(outside.items) == len(outside.pictures)
    assert all(item.held_out for item in outside.items) and not any(item.held_out for item in inside.items)


def archive(files):
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return held.getvalue()


def offline(monkeypatch, data):
    """Make every download bring ``data``; returns the list of downloads."""
    downloads = []

    def download(self, folder):
        downloads.append(self.name)
        path = folder / "it.tgz"
        path.write_bytes(data)
        return path

    monkeypatch.setattr(Package, "_download", download)
    return downloads


def package(data):
    return Package("npm", "@some/thing", "1.0.0", hashlib.sha256(data).hexdigest(), "MIT", "tests")


def test_a_package_with_another_checksum_is_refused(tmp_path, monkeypatch):
    good, bad = archive({"package/a.txt": b"good"}), archive({"package/a.txt": b"bad"})
    offline(monkeypatch, bad)
    with pytest.raises(StudioError) as error:
        package(good).fetch(tmp_path)
    assert hashlib.sha256(good).hexdigest() in str(error.value) and hashlib.sha256(bad).hexdigest() in str(error.value)
    assert not list(tmp_path.rglob("a.txt")) and not (tmp_path / "some-thing-1.0.0").exists()


def test_a_package_is_downloaded_once(tmp_path, monkeypatch):
    data = archive({"package/a.txt": b"good"})
    downloads = offline(monkeypatch, data)
    folder = package(data).fetch(tmp_path)
    assert (folder / "package/a.txt").read_bytes() == b"good"
    assert package(data).fetch(tmp_path) == folder and downloads == ["@some/thing"]
    assert [p.name for p in folder.iterdir()] == ["package"]


def test_a_package_cannot_write_beside_its_folder(tmp_path, monkeypatch):
    data = archive({"../../evil.txt": b"x"})
    offline(monkeypatch, data)
    with pytest.raises(tarfile.OutsideDestinationError):
        package(data).fetch(tmp_path / "cache")
    assert not (tmp_path / "evil.txt").exists() and not (tmp_path / "cache" / "some-thing-1.0.0").exists()


def test_a_card_names_its_data():
    text = Card("it", "Does.", (package(b"x"),), [("steps", "5")], ("Not much.",), [("error", "0.5")]).markdown()
    assert f"| `@some/thing` 1.0.0 (npm) | MIT | tests | `{hashlib.sha256(b'x').hexdigest()[:16]}` |" in text
    assert "| steps | 5 |" in text and "- Not much." in text and "## Measured" in text
