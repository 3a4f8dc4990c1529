"""Presets: kept, laid over settings, shared, and refused when hostile or damaged."""

import json
import os

import pytest

from pipelines.errors import SettingsError, StudioError
from pipelines.settings import ANY_SETTINGS, ImageEditSettings, ImageSettings, SpeechEditSettings, ToolSettings
from studio.presets import LONGEST_NAME, Presets, parse

HEART = ImageSettings(prompt="a heart", seed=7, steps=33, style="flat")
SHARED = {"eddyline": "preset", "name": "Mine", "kind": "image.generate", "settings": {"version": 1, "steps": 9}}


@pytest.fixture
def presets(tmp_path):
    return Presets(tmp_path / "home", shipped=tmp_path / "none")


def test_saved_and_laid_over_without_words_and_seed(presets, tmp_path):
    presets.save("  Fine work ", HEART, about="slow")
    kept = Presets(tmp_path / "home", shipped=tmp_path / "none").load("fine WORK")
    assert kept.name == "Fine work" and kept.about == "slow" and not kept.shipped
    assert kept.apply(ImageSettings(prompt="a star", seed=1)) == HEART.with_(prompt="a star", seed=1)


def test_with_words_or_with_some_fields_only(presets):
    assert presets.save("All", HEART, words=True).apply(ImageSettings(prompt="x", count=3)) == HEART
    only = presets.save("Steps", HEART, only=["steps"])
    assert only.fields == {"steps": 33}
    assert only.apply(ImageSettings(prompt="x", style="3d")) == ImageSettings(prompt="x", style="3d", steps=33)


def test_a_name_is_not_taken_over_by_accident(presets):
    presets.save("Mine", HEART)
    with pytest.raises(StudioError, match="'MINE' exists; choose another name, or replace it"):
        presets.save("MINE", HEART.with_(steps=1))
    presets.save("MINE", HEART.with_(steps=1), overwrite=True)
    assert [each.fields["steps"] for each in presets.all()] == [1]


def test_deleted_and_brought_back(presets):
    kept = presets.save("Mine", HEART)
    assert presets.delete("mine") == kept and presets.all() == ()
    presets.add(kept)
    assert presets.load("Mine") == kept


def test_one_owner_does_not_see_those_of_another(tmp_path):
    for owner in ("ann", "../bob", ""):
        Presets(tmp_path, owner, tmp_path / "none").save("Mine", HEART, about=owner)
    assert [Presets(tmp_path, owner, tmp_path / "none").load("Mine").about for owner in ("ann", "../bob")] == [
        "ann",
        "../bob",
    ]
    assert all(path.is_relative_to(tmp_path / "presets") for path in tmp_path.rglob("*.json"))


def test_a_preset_of_another_kind_is_refused(presets):
    with pytest.raises(SettingsError, match="'Mine' is for image.generate, these settings are for image.edit"):
        presets.save("Mine", HEART).apply(ImageEditSettings(prompt="x"))
    assert presets.all("image.edit") == () and len(presets.all("image.generate")) == 1


def test_shared_as_one_file(presets, tmp_path):
    presets.save("Fine/not".replace("/", " "), HEART, about="slow")
    path = presets.export("fine not", tmp_path / "out")
    assert path.name == "eddyline-preset-fine-not.json"
    other = Presets(tmp_path / "other", shipped=tmp_path / "none")
    assert other.import_(path) == presets.load("fine not")
    assert other.import_(presets.load("fine not").text().replace("Fine", "Second")).name == "Second not"


def test_what_a_newer_version_wrote_is_reported_and_kept(presets):
    text = json.dumps({**SHARED, "settings": {"version": 1, "steps": 9, "sparkle": 3}})
    assert presets.import_(text).unknown == {"sparkle": 3}
    kept = presets.load("Mine")
    assert kept.unknown == {"sparkle": 3} and kept.fields == {"steps": 9} and '"sparkle": 3' in kept.text()


@pytest.mark.parametrize(
    "changed, said",
    [
        ({"eddyline": "project"}, "not a preset of Eddyline"),
        ({"kind": "smell.generate"}, "unknown kind 'smell.generate'; this version knows image.generate"),
        ({"kind": ["x"]}, "unknown kind"),
        ({"settings": [1]}, "'settings' is missing"),
        ({"settings": {"steps": 0}}, "steps: input should be greater than or equal to 1, got 0"),
        ({"settings": {"version": 99}}, "version: settings are of version 99"),
        ({"name": None}, "has no name"),
        ({"name": "../../etc/passwd"}, "cannot be used as a name"),
    ],
)
def test_a_file_that_is_no_good_preset_is_refused(presets, changed, said):
    with pytest.raises(StudioError) as refused:
        presets.import_(json.dumps({**SHARED, **changed}))
    assert said in str(refused.value) and presets.all() == ()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", '"x"', " " * 1_000_001])
def test_text_that_is_no_preset_is_refused(presets, text):
    with pytest.raises(StudioError, match="^preset: "):
        presets.import_(text)


@pytest.mark.parametrize(
    "name",
    [
        "", "  ", "../x", "a/b", "a\\b", ".hidden", "C:x", "a\0b", "a\nb", "CON", "nul.txt", "x" * (LONGEST_NAME + 1),
        "safe\u202egnp", "<b>", "a|b", "what?",
    ],
)  # fmt: skip
def test_hostile_names_are_refused(presets, tmp_path, name):
    for act in (lambda: presets.save(name, HEART), lambda: presets.load(name), lambda: presets.delete(name)):
        with pytest.raises(StudioError, match="^preset: "):
            act()
    assert not list(tmp_path.rglob("*.json"))


@pytest.mark.parametrize("name", ["Grün & schön", "猫", "v1.2 – fine", "it's"])
def test_names_of_people_are_kept(presets, name):
    presets.save(name, HEART)
    assert presets.load(name).name == name
    assert all(path.name.isascii() for path in presets._folder.iterdir())


def test_a_damaged_file_is_named_and_the_others_stay(presets):
    presets.save("Mine", HEART)
    (presets._folder / "bad.json").write_text("{")
    assert [each.name for each in presets.all()] == ["Mine"]
    assert presets.damaged()[0].startswith("bad.json: ")


def test_a_folder_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "presets").write_text("a file")
    with pytest.raises(StudioError, match="could not be written"):
        Presets(tmp_path, shipped=tmp_path / "none").save("Mine", HEART)


def test_half_a_file_is_never_seen(presets, monkeypatch):
    presets.save("Mine", HEART)
    before = presets.load("Mine")
    monkeypatch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(StudioError, match="No space left"):
        presets.save("Mine", HEART.with_(steps=1), overwrite=True)
    assert presets.load("Mine") == before and len(list(presets._folder.iterdir())) == 1


def test_shipped_presets_are_whole_and_stay(tmp_path):
    presets = Presets(tmp_path)
    shipped = presets.all()
    assert len(shipped) >= 4 and presets.damaged() == ()
    assert {each.kind for each in shipped} == set(ANY_SETTINGS)
    for each in shipped:
        assert each.shipped and each.about and not each.unknown
        kind = ANY_SETTINGS[each.kind]
        tool = issubclass(kind, ToolSettings)  # which has no words of its own
        base = kind() if tool else kind(**kind.filled({kind.PROMPT: "a heart", "seed": 1}))
        assert each.apply(base) != base and (tool or each.apply(base).asked == "a heart")
        with pytest.raises(StudioError, match="ships with Eddyline and stays"):
            presets.delete(each.name)
        with pytest.raises(StudioError, match="name of a shipped preset"):
            presets.save(each.name.upper(), base)


def test_a_preset_of_speech_holds_how_and_not_what(tmp_path):
    presets = Presets(tmp_path)
    change = SpeechEditSettings(source_text="One.", text="Two.", start=1, end=2, seed=7, speed=1.5, voice="rms")
    kept = presets.save("Mine", change)
    assert not {"text", "source_text", "start", "end", "seed"} & set(kept.fields) and kept.fields["speed"] == 1.5
    other = SpeechEditSettings(source_text="Three.", text="Four.", seed=1)
    assert presets.load("Mine").apply(other) == other.with_(speed=1.5, voice="rms")
    assert parse(json.loads(presets.load("Mine").text())).fields == kept.fields


def test_parse_keeps_only_what_the_preset_means():
    assert parse(SHARED).fields == {"steps": 9}
