"""Projects: what is in the zip, what comes out of it elsewhere, what is refused, and whether it can be made again."""

import hashlib
import json
import re
import stat
import struct
import sys
import types
import warnings
import zipfile

import numpy as np
import pytest
import shelf
from fake_runner import FakeSpeech

from pipelines.errors import MediaError, StudioError
from pipelines.events import Done
from pipelines.image import ImagePipeline, read_mask_file
from pipelines.media import Mask, Picture
from pipelines.models import registry
from pipelines.settings import ImageEditSettings, ImageSettings, SpeechEditSettings, SpeechSettings
from studio.export import save
from studio.export.loading import load
from studio.jobs import runner
from studio.library import Library, made, result_id
from studio.project import export_project, import_project, replay, replay_assets, unpacking
from studio.provenance import Origin, read_words
from studio.store import Store


@pytest.fixture
def library(tmp_path):
    return Library(Store(tmp_path / "here"))


@pytest.fixture
def elsewhere(tmp_path):
    return Library(Store(tmp_path / "there"))


@pytest.fixture
def family(library, tmp_path):
    """A photo, a mask, an edit of it, an edit of that, and something else: (library, ids by name)."""
    photo = library.bring_in(shelf.picture_file(tmp_path), "Föö.png", "")
    mask = library.keep_mask(Mask(np.eye(4, dtype=np.float32)), "")
    edit = shelf.put(library, 1, prompt="edit", parents=(("source", photo.id), ("mask", mask.id)))
    again = shelf.put(library, 2, prompt="again", parents=(("source", edit.id),), suffix=".webp")
    other = shelf.put(library, 3, prompt="other", suffix=".jpg")
    return {"photo": photo, "mask": mask, "edit": edit, "again": again, "other": other}


def manifest_of(path):
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read("project.json"))


def test_a_project_holds_all_that_its_assets_were_made_from(library, family, tmp_path):
    path = export_project(library, [family["again"].id], tmp_path / "p.zip", "")
    held = manifest_of(path)
    assert (held["format"], held["program"]) == (1, "eddyline")
    assert [item["id"] for item in held["assets"]] == [family[n].id for n in ("edit", "again", "photo", "mask")]
    by_id = {item["id"]: item for item in held["assets"]}
    edit = by_id[family["edit"].id]
    assert edit["record"]["kind"] == "image.edit" and edit["record"]["settings"]["prompt"] == "edit"
    assert sorted(edit["parents"]) == sorted([["source", family["photo"].id], ["mask", family["mask"].id]])
    assert by_id[family["photo"].id]["name"] == "Föö.png" and by_id[family["photo"].id]["kind"] == "imported"
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["project.json", *(item["file"] for item in held["assets"])]
        for item in held["assets"]:
            asset = library.get(item["id"], "")
            assert archive.read(item["file"]) == asset.path.read_bytes() and item["sha256"] == asset.sha256
    [model] = held["models"]
    assert (model["name"], model["medium"], model["licence"]) == ("starter", "image", "Apache-2.0")
    assert set(model["weights"]) == {f"weights-0{n}.safetensors" for n in range(1, 5)}
    assert "owner" not in path.read_bytes().decode("latin1") and str(library.home) not in json.dumps(held)


def test_equal_projects_are_equal_bytes(library, family, tmp_path):
    first = export_project(library, [a.id for a in family.values()], tmp_path / "1.zip", "").read_bytes()
    later = export_project(library, [a.id for a in reversed(family.values())], tmp_path / "2.zip", "").read_bytes()
    assert first == later


def test_only_ones_own_assets_are_exported(library, family, tmp_path):
    with pytest.raises(StudioError, match="no asset"):
        export_project(library, [family["edit"].id], tmp_path / "p.zip", "ann")
    foreign = shelf.put(library, 9, owner="ann", parents=(("source", family["photo"].id),))
    path = export_project(library, [foreign.id], tmp_path / "p.zip", "ann")
    assert [item["id"] for item in manifest_of(path)["assets"]] == [foreign.id]
    with pytest.raises(StudioError, match="nothing"):
        export_project(library, [], tmp_path / "p.zip", "")
    family["edit"].path.write_bytes(b"changed")
    with pytest.raises(MediaError, match="changed"):
        export_project(library, [family["edit"].id], tmp_path / "p.zip", "")


def test_a_project_arrives_elsewhere_as_it_was(library, elsewhere, family, tmp_path):
    path = export_project(library, [family["again"].id, family["other"].id], tmp_path / "p.zip", "")
    arrived = import_project(elsewhere, path, "ann")
    assert [a.id for a in arrived] == [item["id"] for item in manifest_of(path)["assets"]]
    for asset in family.values():
        copy = elsewhere.get(asset.id, "ann")
        assert copy.path.read_bytes() == asset.path.read_bytes()
        same = ("kind", "name", "record", "prompt", "model", "seed", "created", "sha256", "size", "medium")
        assert [getattr(copy, name) for name in same] == [getattr(asset, name) for name in same]
        assert (copy.owner, copy.job) == ("ann", None)
    related = {(role, a.id) for role, a in elsewhere.parents(family["edit"].id, "ann")}
    assert related == {("source", family["photo"].id), ("mask", family["mask"].id)}
    assert elsewhere.search("ann").total == 4 and elsewhere.check() == []  # the mask is not listed
    before = shelf.rows(elsewhere)
    assert import_project(elsewhere, path, "ann") == arrived and shelf.rows(elsewhere) == before
    elsewhere.rebuild()
    assert shelf.rows(elsewhere) == before
    elsewhere.delete([a.id for a in arrived], "ann")
    import_project(elsewhere, path, "ann")
    assert shelf.rows(elsewhere) == before
    again = export_project(elsewhere, [family["again"].id, family["other"].id], tmp_path / "q.zip", "ann")
    assert [i["sha256"] for i in manifest_of(again)["assets"]] == [i["sha256"] for i in manifest_of(path)["assets"]]


def test_ids_that_are_somebody_elses_are_replaced_with_their_lineage(library, family, tmp_path):
    path = export_project(library, [family["again"].id], tmp_path / "p.zip", "")
    arrived = import_project(library, path, "ann")
    assert not {a.id for a in arrived} & {a.id for a in family.values()}
    edit, again, photo, mask = arrived
    assert [a.id for _, a in library.parents(again.id, "ann")] == [edit.id]
    assert {(role, a.id) for role, a in library.parents(edit.id, "ann")} == {("source", photo.id), ("mask", mask.id)}
    assert import_project(library, path, "ann") == arrived and library.check() == []
    before = shelf.rows(library)
    library.rebuild()
    assert shelf.rows(library) == before
    assert library.get(family["edit"].id, "").path == family["edit"].path


def test_settings_that_no_file_holds_arrive_too(library, elsewhere, tmp_path):
    settings = ImageSettings(prompt="told by another program", seed=3)
    photo = library.bring_in(shelf.picture_file(tmp_path), "a.png", "", settings)
    path = rewritten(
        export_project(library, [photo.id], tmp_path / "p.zip", ""),
        lambda held: held["assets"][0].update(kind="image.generate", parents=[["source", "1" * 32]]),
    )
    [asset] = import_project(elsewhere, path, "")
    assert (asset.kind, asset.settings, asset.created) == ("image.generate", settings, photo.created)
    before = shelf.rows(elsewhere)
    assert before[1] == [(photo.id, "1" * 32, "source")]
    elsewhere.rebuild()
    assert shelf.rows(elsewhere) == before


# --- what is refused


def rewritten(path, change=lambda held: None, extra=(), data=None):
    """The same project with its manifest or entries changed."""
    with zipfile.ZipFile(path) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(held.pop("project.json"))
    change(manifest)
    target = path.with_name("changed.zip")
    with warnings.catch_warnings(action="ignore"), zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", json.dumps(manifest) if data is None else data)
        for name, value in [*held.items(), *extra]:
            archive.writestr(name, value)
    return target


def link_entry():
    entry = zipfile.ZipInfo("files/link.png")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


def item(**values):
    return lambda held: held["assets"][0].update(values)


REFUSED = {
    "traversal": dict(extra=[("../../evil.png", b"x")]),
    "absolute": dict(extra=[("/etc/evil.png", b"x")]),
    "backslash": dict(extra=[("..\\evil.png", b"x")]),
    "drive": dict(extra=[("C:evil.png", b"x")]),
    "twice": dict(extra=[("a.txt", b"x"), ("a.txt", b"y")]),
    "link": dict(extra=[(link_entry(), b"/etc/passwd")]),
    "bomb": dict(extra=[("files/zeros.png", bytes(20_000_000))]),
    "not JSON": dict(data="{"),
    "a list": dict(data="[]"),
    "deep": dict(data="[" * 100_000),
    "newer": dict(change=lambda held: held.update(format=2)),
    "file outside": dict(change=item(file="../x.png")),
    "hidden file": dict(change=item(file="files/.x.png")),
    "file that is not there": dict(change=item(file="files/none.png")),
    "id": dict(change=item(id="../" * 10 + "ab")),
    "id with newline": dict(change=item(id="a" * 31 + "\n")),
    "medium": dict(change=item(medium="../image")),
    "created": dict(change=item(created=1e300)),
    "created NaN": dict(change=item(created=float("nan"))),
    "hash": dict(change=item(sha256="0" * 64)),
    "size": dict(change=item(bytes=10)),
    "name of another kind": dict(change=item(name="x.html")),
    "name of another medium": dict(change=item(name="x.wav")),
    "the same twice": dict(change=lambda held: held["assets"].append(held["assets"][0])),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_harmful_project_is_refused_and_leaves_nothing(library, elsewhere, tmp_path, what):
    asset = shelf.put(library)
    path = rewritten(export_project(library, [asset.id], tmp_path / "p.zip", ""), **REFUSED[what])
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(MediaError, match=r"changed\.zip|files/|x\.html"):
        import_project(elsewhere, path, "")
    left = [p for p in sorted(tmp_path.rglob("*")) if p not in before and p.is_file() and "sqlite" not in p.name]
    assert left == [] and elsewhere.search("").total == 0 and elsewhere.check() == []


def test_what_is_no_zip_is_refused(library, elsewhere, tmp_path):
    asset = shelf.put(library)
    whole = export_project(library, [asset.id], tmp_path / "p.zip", "").read_bytes()
    broken = tmp_path / "broken.zip"
    at = whole.index(b"IHDR")
    central = whole.index(b"PK\x01\x02")
    locked = bytearray(whole)
    struct.pack_into("<H", locked, central + 8, 1)
    for data in (
        b"",
        b"PK",
        whole[:200],
        whole[:-30],
        whole[:at] + b"XXXX" + whole[at + 4 :],
        bytes(locked),
        b"x" * 99,
    ):
        broken.write_bytes(data)
        with pytest.raises(MediaError, match=r"broken\.zip"):
            import_project(elsewhere, broken, "")
    with pytest.raises(MediaError, match="no such file"):
        import_project(elsewhere, tmp_path / "none.zip", "")
    assert elsewhere.search("").total == 0


def test_limits_hold(library, elsewhere, tmp_path, monkeypatch):
    path = export_project(library, [shelf.put(library).id], tmp_path / "p.zip", "")
    for name, value, said in (
        ("MAX_ENTRIES", 1, "at most 1"), ("MAX_TOTAL", 10, "unpacked"), ("MAX_MANIFEST", 10, "larger than"),
    ):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(unpacking, name, value)
            with pytest.raises(MediaError, match=said):
                import_project(elsewhere, path, "")
    import_project(elsewhere, path, "")


def test_a_failure_half_way_leaves_nothing(library, elsewhere, family, tmp_path, monkeypatch):
    from studio.project import importing

    path = export_project(library, [family["again"].id], tmp_path / "p.zip", "")
    real, calls = importing.read, []

    def failing(home, relative):
        calls.append(relative)
        if len(calls) == 3:
            raise OSError("disk on fire")
        return real(home, relative)

    monkeypatch.setattr(importing, "read", failing)
    with pytest.raises(OSError, match="fire"):
        import_project(elsewhere, path, "")
    assert elsewhere.check() == [] and elsewhere.search("").total == 0
    assert [p for p in elsewhere.home.rglob("*.*") if p.is_file() and "sqlite" not in p.name] == []


# --- made again


@pytest.fixture
def tiny(starter_files, monkeypatch):
    """The pipeline of a small random starter, which ``load`` gives to everybody."""
    monkeypatch.setattr(registry, "starter_folder", lambda medium, name: _known(name) and starter_files)
    return ImagePipeline.load("starter")


def _known(name):
    from pipelines.errors import ModelError

    if name != "starter":
        raise ModelError(f"model: unknown {name}")
    return True


def run(library, events, settings, number, parents=(), suffix=".png"):
    """Keep the results of a real run."""
    [done] = [event for event in events if isinstance(event, Done)]
    kept = []
    for place, (picture, seed) in enumerate(zip(done.items, done.seeds, strict=True)):
        own = settings.with_(seed=seed, **({"count": 1} if isinstance(settings, ImageSettings) else {}))
        job = f"real-{number}"
        origin = Origin(result_id(job, place), shelf.START + number, tuple(parents), job, place)
        path = library.plan(number, origin.created, place, own, "", suffix)
        save(picture, path, own, origin=origin)
        asset = made(path, own, origin)
        with library.store.transaction() as db:
            library.add(db, asset, parents)
        kept.append((asset, picture))
    return kept


@pytest.fixture
def real(library, tiny):
    """Real results: three of a batch, an edit with a soft mask, a JPEG and a WebP of others."""
    base = ImageSettings(prompt="red apple", seed=3, steps=2, width=32, height=32, count=3)
    batch = run(library, tiny.generate(base), base, 1)
    (source, picture) = batch[0]
    mask = library.keep_mask(Mask(np.linspace(0, 1, 32 * 32, dtype=np.float32).reshape(32, 32)), "")
    weights = read_mask_file(mask.path, (32, 32))
    change = ImageEditSettings(prompt="pear", seed=4, steps=2, method="rf-edit", feather=2)
    parents = (("source", source.id), ("mask", mask.id))
    [(edit, _)] = run(library, tiny.edit(change, picture, weights), change, 2, parents)
    one = base.with_(count=1, seed=9)
    [(jpeg, _)] = run(library, tiny.generate(one), one, 3, suffix=".jpg")
    [(webp, _)] = run(library, tiny.generate(one), one, 4, suffix=".webp")
    return {"batch": [asset for asset, _ in batch], "mask": mask, "edit": edit, "jpeg": jpeg, "webp": webp}


def test_what_was_made_comes_out_the_same(library, elsewhere, real, tmp_path):
    wanted = [real["edit"].id, real["jpeg"].id, real["webp"].id, *(asset.id for asset in real["batch"])]
    path = export_project(library, wanted, tmp_path / "p.zip", "")
    results = {each.file[11:]: each for each in replay(path)}
    assert len(results) == 6
    exact = [each for each in results.values() if not each.file.endswith(".jpg")]
    assert [each.why.split(";")[0] for each in exact] == ["same pixels"] * 5 and all(each.same for each in exact)
    assert results["00003-9-starter.jpg"].same is False and "JPEG" in results["00003-9-starter.jpg"].why
    import_project(elsewhere, path, "ann")
    [first, second] = replay_assets(elsewhere, [real["edit"].id], "ann")
    assert (first.same, second.same) == (True, True)


def test_a_replay_tells_what_differs_and_what_cannot_be_made(library, real, tmp_path):
    whole = export_project(library, [real["edit"].id], tmp_path / "p.zip", "")
    edit = real["edit"].id

    def change(held):
        for each in held["assets"]:
            if each["id"] == edit:
                each["record"]["settings"]["seed"] += 1
                each["record"]["settings"]["method"] = "sdedit"
            elif each["record"]:
                each["record"]["settings"]["model"] = "gone"

    lost, differs = replay(rewritten(whole, change))
    assert lost.same is None and lost.why.startswith("cannot: model: 'gone' is no model here")
    assert differs.same is False and "largest difference" in differs.why
    without = rewritten(whole, lambda held: held["assets"][-2:] and held.update(assets=held["assets"][-2:]))
    held = manifest_of(without)["assets"]
    said = [each.why for each in replay(without) if each.same is None]
    assert len(held) == 2 and len(said) == 1 and said[0].startswith("cannot: its source is not in the project")
    newer = rewritten(whole, lambda held: [each.update(record=None) for each in held["assets"]])
    assert all("settings are missing" in each.why for each in replay(newer))


class Rounding:
    """A pipeline whose last bit depends on how many are made together, as matrix products do."""

    def generate(self, settings):
        pictures = [
            Picture(shelf.pixels(settings.seed + n) // 2 * 2 + settings.count % 2) for n in range(settings.count)
        ]
        yield Done(tuple(pictures), tuple(settings.seed + n for n in range(settings.count)), 1, 0.0)


def test_one_of_a_batch_is_made_in_a_batch_again(library, tmp_path, monkeypatch):
    monkeypatch.setattr(ImagePipeline, "load", lambda model: Rounding())
    both = ImageSettings(prompt="x", seed=3, count=2)
    batch = run(library, Rounding().generate(both), both, 1)
    second = batch[1][0]
    [only] = replay(export_project(library, [second.id], tmp_path / "p.zip", ""))
    assert (only.same, only.why) == (True, "same pixels, made as number 2 of 2 like the first time")
    alone = rewritten(tmp_path / "p.zip", lambda held: held["assets"][0].pop("batch"))
    [only] = replay(alone)
    assert (only.same, only.why) == (False, "largest difference 2 of 255, 384 of 384 pixels are not equal")


def test_other_weights_are_told(library, real, tmp_path):
    def change(held):
        held["models"][0]["weights"] = {"weights-01.safetensors": "0" * 64}

    path = rewritten(export_project(library, [real["batch"][0].id], tmp_path / "p.zip", ""), change)
    [only] = replay(path)
    assert only.same and "other weights" in only.why


def test_a_picture_of_another_size_differs(library, real, tmp_path):
    def change(held):
        held["assets"][0]["record"]["settings"]["width"] = 40

    [only] = replay(rewritten(export_project(library, [real["webp"].id], tmp_path / "p.zip", ""), change))
    assert (only.same, only.why) == (False, "different size: 40 x 32, was 32 x 32")


@pytest.fixture
def speaking(monkeypatch):
    """Speech without a model, for whoever loads it."""
    monkeypatch.setitem(runner.KINDS, ("audio", "speech"), lambda: FakeSpeech)
    reading = types.SimpleNamespace(read_sound=lambda path: (load(path), ()))
    monkeypatch.setitem(sys.modules, "pipelines.speech", reading)
    return FakeSpeech()


def spoken_and_edited(library, speaking, suffix):
    """Speech as a run keeps it, and an edit of it."""
    settings = SpeechSettings(text="One two. Three.", seed=3, steps=2)
    [(speech, sound)] = run(library, speaking.generate(settings), settings, 1, suffix=suffix)
    change = SpeechEditSettings(source_text="One two. Three.", text="Four five.", seed=4)
    kept = load(speech.path)
    [(edit, _)] = run(library, speaking.edit(change, kept), change, 2, (("source", speech.id),), suffix=suffix)
    return speech, edit


@pytest.mark.parametrize(
    "suffix, said",
    [(".wav", "same samples"), (".flac", "same samples as FLAC keeps them"), (".ogg", "same samples as OGG keeps them"),
     (".mp3", "same samples as MP3 keeps them")],
)  # fmt: skip
def test_sounds_travel_and_come_out_the_same(library, elsewhere, speaking, tmp_path, suffix, said):
    speech, edit = spoken_and_edited(library, speaking, suffix)
    path = export_project(library, [edit.id], tmp_path / "p.zip", "")
    assert [(each.same, each.why) for each in replay(path)] == [(True, said), (True, said)]
    import_project(elsewhere, path, "ann")
    copy = elsewhere.get(edit.id, "ann")
    assert (copy.medium, copy.seconds, copy.prompt) == ("audio", edit.seconds, "Four five.")
    assert read_words(copy.path) == read_words(edit.path) and len(read_words(copy.path)) == 5
    assert [(role, a.id) for role, a in elsewhere.parents(edit.id, "ann")] == [("source", speech.id)]
    before = shelf.rows(elsewhere)
    elsewhere.rebuild()
    assert shelf.rows(elsewhere) == before and elsewhere.check() == []
    assert all(each.same for each in replay_assets(elsewhere, [edit.id], "ann"))


def test_a_replay_tells_how_sounds_differ(library, speaking, tmp_path):
    speech, _ = spoken_and_edited(library, speaking, ".wav")
    path = export_project(library, [speech.id], tmp_path / "p.zip", "")

    def one(**settings):
        [only] = replay(rewritten(path, lambda held: held["assets"][0]["record"]["settings"].update(settings)))
        return only

    assert one(seed=4).same is False
    assert re.fullmatch(
        r"largest difference -\d+ dB of full scale, \d+ of 12000 samples are not equal", one(seed=4).why
    )
    shorter = one(text="One two.")
    assert (
        shorter.why
        == "different length: 6000 samples at 24000 Hz in 1 channel, was 12000 samples at 24000 Hz in 1 channel"
    )
    assert one(text="One too. Three.").why == "same samples; its words have other times"
    assert one(model="hibari", voice="slt").same is None


def test_a_project_with_a_sound_that_cannot_be_read_is_refused(library, elsewhere, tmp_path):
    speech = shelf.put_speech(library, 1)
    path = export_project(library, [speech.id], tmp_path / "p.zip", "")
    junk, name = b"RIFF" + bytes(40), manifest_of(path)["assets"][0]["file"]
    described = {"sha256": hashlib.sha256(junk).hexdigest(), "bytes": len(junk)}
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("project.json"))
    manifest["assets"][0].update(described)
    with zipfile.ZipFile(tmp_path / "q.zip", "w") as archive:
        archive.writestr("project.json", json.dumps(manifest))
        archive.writestr(name, junk)
    with pytest.raises(MediaError, match="is not a sound that can be read"):
        import_project(elsewhere, tmp_path / "q.zip", "")
    assert elsewhere.search("").total == 0


def test_an_arrival_killed_before_its_rows_is_entered_later(library, elsewhere, family, tmp_path):
    path = export_project(library, [family["again"].id], tmp_path / "p.zip", "")
    shelf.put(elsewhere, 9)
    import_project(elsewhere, path, "ann")
    before = shelf.rows(elsewhere)
    with elsewhere.store.transaction() as db:
        db.execute("DELETE FROM assets WHERE owner = 'ann'")
        db.execute("DELETE FROM lineage")
    elsewhere.tidy()
    assert shelf.rows(elsewhere) == before
