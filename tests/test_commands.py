"""``eddyline library`` and ``eddyline replay``: what they print, what they refuse, how they exit."""

import json

import numpy as np
import pytest
import shelf
from PIL import Image
from typer.testing import CliRunner

from pipelines.paths import assets
from studio.cli import app
from studio.library import Library
from studio.store import Store

EXAMPLE = assets() / "examples" / "image-4-heart-made-blue.png"


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    return Library(Store())


def run(*arguments, code=0):
    result = CliRunner().invoke(app, [str(part) for part in arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.stdout if code != 2 else result.stderr


def test_list_search_and_show(library):
    apple, pear = shelf.put(library, 1, prompt="red apple"), shelf.put(library, 2, prompt="green\npear")
    shelf.put(library, 3, prompt="ann's own", owner="ann")
    lines = run("library", "list").splitlines()
    assert lines[0].split() == ["id", "made", "kind", "size", "title"] and len(lines) == 3
    assert lines[1].startswith(pear.id[:8]) and lines[1].endswith("green pear")
    assert apple.id[:8] in run("library", "search", "app") and "pear" not in run("library", "search", "red", "app")
    assert run("library", "search", "nowhere") == "nothing found\n"
    assert "ann's own" in run("library", "list", "--owner", "ann")
    held = json.loads(run("library", "list", "--json", "--limit", 1))
    assert held["total"] == 2 and [a["id"] for a in held["assets"]] == [pear.id]
    assert held["assets"][0]["settings"]["prompt"] == "green\npear"
    assert json.loads(run("library", "search", "apple", "--since", "2099-01-01", "--json"))["total"] == 0
    child = shelf.put(library, 4, parents=(("source", apple.id),))
    told = json.loads(run("library", "show", apple.id[:10], "--json"))
    assert told["children"] == [{"role": "source", "id": child.id}] and told["sha256"] == apple.sha256
    shown = run("library", "show", apple.id)
    assert "red apple" in shown and str(apple.path) in shown and "guidance_from" in shown


def test_speech_is_listed_by_its_text_and_exported_as_sound_or_subtitles(library, tmp_path):
    speech = shelf.put_speech(library, 1, text="The kite\nis red. And then some.")
    line = run("library", "list").splitlines()[1]
    assert "speech.generate" in line and "1.0 s" in line and line.endswith("The kite is red. And then some.")
    assert speech.id[:8] in run("library", "search", "kite", "--medium", "audio")
    told = json.loads(run("library", "show", speech.id, "--json"))
    assert (told["seconds"], told["sample_rate"], told["channels"]) == (pytest.approx(1), 24_000, 1)
    assert run("library", "export", speech.id, "--out", tmp_path / "a.srt") == f"{tmp_path / 'a.srt'}\n"
    assert "The kite is red.\n\n2\n" in (tmp_path / "a.srt").read_text("utf-8")
    run("library", "export", speech.id, "--out", tmp_path / "a.mp3")
    assert json.loads(run("library", "verify", tmp_path / "a.mp3", "--json"))["kind"] == "speech.generate"
    [take] = [library.bring_in(shelf.sound_file(tmp_path), "take.wav", "")]
    said = run("library", "export", take.id, "--out", tmp_path / "b.vtt", code=2)
    assert said.startswith("error: out: it is not known what is said") and not (tmp_path / "b.vtt").exists()


def test_refusals_are_one_line(library):
    first = shelf.put(library)
    for arguments, said in {
        ("show", "abc"): "at least 4",
        ("show", "ffffffff"): "there is no",
        ("show", first.id, "--owner", "ann"): "there is no",
        ("list", "--since", "soon"): "since: expected a day",
        ("verify", "none.png"): "no such file",
        ("import", "none.png"): "no such file",
        ("export", first.id, "--out", library.home / "studio.sqlite"): "exists",
        ("export", first.id, "--out", library.home / "x.tiff"): "must end in",
    }.items():
        error = run("library", *arguments, code=2)
        assert error.startswith("error: ") and said in error and error.count("\n") == 1
    with library.store.transaction() as db:
        db.execute("UPDATE assets SET id = ?", ("abcd" + "0" * 28,))
        db.execute("INSERT INTO assets SELECT 2, ?, owner, medium, kind, 'p', name, settings, prompt, model, seed, "
                   "created, sha256, bytes, width, height, frames, seconds, sample_rate, channels, took, starred, "
                   "trashed, NULL, place FROM assets", ("abcd" + "1" * 28,))  # fmt: skip
    assert "may be abcd00000000 or abcd11111111" in run("library", "show", "abcd", code=2)


def test_verify_prints_what_a_file_claims(library, tmp_path):
    claims = json.loads(run("library", "verify", EXAMPLE, "--json"))
    assert claims["kind"] == "image.edit" and claims["ai_mark"] == "compositeWithTrainedAlgorithmicMedia"
    assert claims["settings"]["prompt"] == "a blue heart" and "credentials" in claims
    assert "a blue heart" in run("library", "verify", EXAMPLE)
    assert "claims nothing" in run("library", "verify", shelf.picture_file(tmp_path))
    assert not (library.home / "image").exists()


def test_trash_restore_purge(library):
    asset = shelf.put(library)
    assert run("library", "trash", asset.id[:8]) == "1 in the trash\n"
    assert run("library", "list") == "nothing found\n" and asset.id[:8] in run("library", "list", "--trashed")
    assert run("library", "restore", asset.id[:8]) == "1 restored\n" and asset.path.exists()
    run("library", "trash", asset.id)
    assert run("library", "purge") == "0 removed for good\n"
    assert run("library", "purge", "--days", 0) == "1 removed for good\n"


def test_check_and_rebuild(library):
    asset = shelf.put(library)
    assert run("library", "check") == "index and files agree\n"
    with library.store.transaction() as db:
        db.execute("DELETE FROM assets")
    assert run("library", "check", code=1).startswith("extra: image/")
    assert run("library", "rebuild") == "1 files entered\n"
    assert library.get(asset.id, "").sha256 == asset.sha256
    for path in library.home.glob("studio.sqlite*"):
        path.unlink()
    assert asset.id[:8] in run("library", "list")  # a new database beside old files is filled


def test_export_import_and_replay(library, tmp_path, monkeypatch):
    photo = run("library", "import", shelf.picture_file(tmp_path, "holiday.png"))
    assert "holiday.png" in photo
    asset = shelf.put(library, prompt="never made by a model")
    assert run("library", "export", asset.id[:8], "--out", tmp_path / "p.zip") == f"{tmp_path / 'p.zip'}\n"
    assert "exists" in run("library", "export", asset.id[:8], "--out", tmp_path / "p.zip", code=2)
    run("library", "export", asset.id[:8], "--out", tmp_path / "p.zip", "--overwrite")
    run("library", "export", asset.id, "--out", tmp_path / "copy.png")
    assert (tmp_path / "copy.png").read_bytes() == asset.path.read_bytes()
    run("library", "export", asset.id, "--out", tmp_path / "other.webp")
    with Image.open(tmp_path / "other.webp") as image:
        assert np.array_equal(np.asarray(image.convert("RGBA")), shelf.pixels(10))
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "second"))
    assert "never made by a model" in run("library", "import", tmp_path / "p.zip")
    assert Library(Store()).get(asset.id, "").sha256 == asset.sha256
    (tmp_path / "bad.zip").write_bytes(b"no")
    assert "not a project" in run("library", "import", tmp_path / "bad.zip", code=2)
    assert "not a project" in run("replay", tmp_path / "bad.zip", code=2)


def test_replay_says_per_file_whether_it_is_the_same(library, tmp_path, starter_files, monkeypatch):
    from pipelines.models import registry

    monkeypatch.setattr(registry, "starter_folder", lambda medium, name: starter_files)
    asset = shelf.put(library, prompt="red apple")  # its pixels are noise: no model makes them
    run("library", "export", asset.id, "--out", tmp_path / "p.zip")
    line = run("replay", tmp_path / "p.zip", code=1)
    assert line.startswith("differs files/0001-00001-5-starter.png  different size: 64 x 64, was 24 x 16")
    [told] = json.loads(run("replay", tmp_path / "p.zip", "--json", code=1))
    assert (told["file"], told["same"]) == ("files/0001-00001-5-starter.png", False)
