"""Which checkpoint is meant, whether it is whole, how it fits, and sentences that help where it does not. No torch."""

import hashlib
import json
import subprocess
import sys
import types
from pathlib import Path

import pytest

from pipelines import catalogue
from pipelines.checkpoints import Means, fetch, fetching, find, licences, named, plan
from pipelines.checkpoints.found import Checkpoint, bytes_a_number, check, weights_of
from pipelines.checkpoints.known import KNOWN
from pipelines.checkpoints.planning import require
from pipelines.errors import ModelError, OutOfBudget
from pipelines.settings import ANY_SETTINGS

ROOT = Path(__file__).parent.parent
BIG = Means(memory=64 * 10**9, disk=10**12, graphics=(80 * 10**9,), device="cuda")


def header(kind="BF16"):
    """A safetensors file without numbers worth mentioning."""
    text = json.dumps({"a": {"dtype": kind, "shape": [2], "data_offsets": [0, 4]}}).encode()
    return len(text).to_bytes(8, "little") + text + b"\0" * 4


def checkpoint(folder, family="FluxPipeline", parts=("transformer", "vae"), size=0):
    """A folder that looks like a checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    index = {"_class_name": family, "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"]}
    for part in parts:
        index[part] = ["diffusers", "FluxTransformer2DModel" if part == "transformer" else "AutoencoderKL"]
        (folder / part).mkdir(exist_ok=True)
        (folder / part / "model.safetensors").write_bytes(header() + b"\0" * size)
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(autouse=True)
def apart(monkeypatch, tmp_path):
    """No checkpoint of this machine, no network."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("EDDYLINE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def refused(model):
    with pytest.raises(ModelError) as error:
        found = find(str(model))
        check(found.folder)
    assert "\n" not in str(error.value) and str(error.value).startswith("model: ")
    return str(error.value)


def test_a_name_an_id_a_folder_and_a_hub_id_are_found(tmp_path):
    assert find("flux-1-dev").repo == find("black-forest-labs/FLUX.1-dev").repo == "black-forest-labs/FLUX.1-dev"
    assert find("flux-1-dev").folder is None and find("flux-1-dev").known.title == "FLUX.1"
    found = find(str(checkpoint(tmp_path / "mine")))
    assert found.family == "FluxPipeline" and found.title == "mine" and found.repo is None
    other = find("somebody/something")
    assert other.repo == "somebody/something" and other.family is None


def test_a_snapshot_in_the_hubs_cache_is_found_by_what_main_was(tmp_path):
    home = tmp_path / "hub" / "models--somebody--something"
    checkpoint(home / "snapshots" / "abc", "WanPipeline")
    assert find("somebody/something").folder is None  # nothing says which snapshot is meant
    fetching.pin("somebody/something", "abc")
    found = find("somebody/something")
    assert found.folder == home / "snapshots" / "abc" and found.known.medium == "video"


def test_what_is_no_checkpoint_is_refused_with_what_to_do(tmp_path):
    assert "is no model here, no folder and no hub id (owner/name)" in refused("nothing")
    assert "'empty' holds no model_index.json; choose the folder" in refused(_made(tmp_path / "empty"))
    checkpoint(tmp_path / "outer" / "inner")
    assert "holds no model_index.json; choose its folder 'inner'" in refused(tmp_path / "outer")
    file = tmp_path / "flux.safetensors"
    file.write_bytes(header())
    assert "flux.safetensors is a file; name the folder" in refused(file)
    (_made(tmp_path / "torn") / "model_index.json").write_text("{")
    assert "model_index.json of 'torn' is damaged" in refused(tmp_path / "torn")
    assert "StableDiffusionPipeline is of no family that is known here; known are FLUX.1," in refused(
        checkpoint(tmp_path / "old", "StableDiffusionPipeline")
    )
    assert "Wan 2.2 S2V, 14B needs more than diffusers" in refused("wan-2.2-s2v")


def _made(folder):
    folder.mkdir()
    return folder


def test_a_folder_that_is_not_whole_or_could_run_code_is_refused(tmp_path):
    folder = checkpoint(tmp_path / "a")
    check(folder)
    weights = folder / "transformer" / "model.safetensors"
    weights.rename(folder / "transformer" / "diffusion_pytorch_model.bin")
    assert "transformer/diffusion_pytorch_model.bin is a pickle, which can run code" in refused(folder)
    (folder / "transformer" / "diffusion_pytorch_model.bin").unlink()
    assert "the weights of its part 'transformer' are missing in 'a'" in refused(folder)
    index = {"weight_map": {"x": "one.safetensors", "y": "two.safetensors"}}
    (folder / "transformer" / "one.safetensors").write_bytes(header())
    (folder / "transformer" / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "transformer/two.safetensors is missing" in refused(folder)
    (folder / "transformer" / "two.safetensors").write_bytes(header())
    (folder / "vae" / "modeling.py").write_text("print('mine')")
    assert "its part 'vae' brings code of its own" in refused(folder)
    (folder / "vae" / "modeling.py").unlink()
    held = json.loads((folder / "model_index.json").read_text())
    (folder / "model_index.json").write_text(json.dumps({**held, "vae": ["pipeline", "Mine"]}))
    assert "its part 'vae' needs code of its own (pipeline)" in refused(folder)
    (folder / "model_index.json").write_text(json.dumps({**held, "more": ["diffusers", "AutoencoderKL"]}))
    assert "its part 'more' is missing" in refused(folder)


def test_weights_are_counted_by_part_and_their_precision_is_read(tmp_path):
    folder = checkpoint(tmp_path / "a", size=996)
    assert weights_of(folder).keys() == {"transformer", "vae"} and 1000 < weights_of(folder)["vae"] < 1200
    assert bytes_a_number(folder / "vae") == 2
    (folder / "vae" / "model.safetensors").write_bytes(header("F32"))
    assert bytes_a_number(folder / "vae") == 4
    (folder / "vae" / "model.safetensors").write_bytes(b"\xff" * 20)
    with pytest.raises(ModelError, match="vae/model.safetensors is no safetensors file"):
        bytes_a_number(folder / "vae")


GB = 10**9
FLUX = ("flux-1-dev", 33.74)  # gigabytes at 16 bits


@pytest.mark.parametrize(
    "card, memory, way",
    [
        (80, 64, ("none", "none")), (40, 64, ("model", "none")), (20, 64, ("model", "fp8")), (8, 64, ("group", "none")),
        (8, 10, ("disk", "none")),
    ],
)  # fmt: skip
def test_a_plan_is_as_fast_as_the_memory_allows(card, memory, way):
    made = plan(find("flux-1-dev"), Means(memory * GB, 10**12, (card * GB,), "cuda"))
    assert (made.offload, made.quantised) == way and made.fits and made.dtype == "bfloat16"
    assert made.graphics_bytes <= card * GB and made.memory_bytes <= memory * GB
    require(made)


def test_a_plan_that_does_not_fit_says_what_is_missing():
    made = plan(find("flux-1-dev"), Means(4 * GB, 10**12))
    assert not made.fits and made.dtype == "bfloat16" and made.quantised == "none"  # 8 bits save nothing there
    with pytest.raises(OutOfBudget, match="needs 40.5 GB of memory, 4.0 GB are free; close other .* a smaller model$"):
        require(made)
    with pytest.raises(OutOfBudget, match="offload 'disk'"):
        require(plan(find("flux-1-dev"), Means(GB, 10**12, (GB,), "cuda")))
    assert plan(find("flux-1-dev"), Means(200 * GB, 10**12)).dtype == "float32"


def test_a_plan_is_counted_from_the_files_once_they_are_here(tmp_path):
    folder = checkpoint(tmp_path / "a", size=999_000)
    made = plan(find(str(folder)), Means(4 * GB, 10**12))
    assert made.parts["vae"] == pytest.approx(2_000_000, rel=0.01)  # 16 bits on the disk, 32 in memory
    assert made.download_bytes == 0 and not made.notes
    assert any("transformer 2.0 MB, vae 2.0 MB; float32" in line for line in made.lines())


def test_a_plan_can_be_had_otherwise_and_refuses_what_does_not_go(monkeypatch):
    asked = {"offload": "group", "tiling": "yes", "dtype": "float16", "compiled": "yes", "cache": "first-block"}
    made = plan(find("flux-1-dev"), BIG, asked)
    assert (made.offload, made.tiling, made.dtype, made.compiled) == ("group", True, "float16", True)
    assert any("step caches are off while a picture is turned back" in line for line in made.lines())
    assert plan(find("flux-1-dev"), Means(64 * GB, 1, (80 * GB,) * 2, "cuda")).cards == 2
    for asked, said in (
        ({"offload": "moon"}, "offload: choose one of none, model, group, disk, got 'moon'"),
        ({"speed": "9"}, "plan: unknown choice 'speed'; there are dtype, "),
        ({"gguf": "x.bin"}, "gguf: x.bin is no GGUF file"),
        ({"quantised": "gguf"}, "quantised: 'gguf' needs its file; name it with gguf=FILE"),
    ):
        with pytest.raises(ModelError, match=said):
            plan(find("flux-1-dev"), BIG, asked)
    with pytest.raises(ModelError, match="Stable Diffusion 3.5 has no step cache in diffusers"):
        plan(find("sd-3.5-medium"), BIG, {"cache": "first-block"})
    monkeypatch.setattr("pipelines.checkpoints.planning._installed", lambda package: False)
    with pytest.raises(ModelError, match="'4bit' needs a package; run: pip install bitsandbytes"):
        plan(find("flux-1-dev"), BIG, {"quantised": "4bit"})


def test_nothing_is_fetched_off_line_and_no_plan_is_made_of_nothing():
    with pytest.raises(ModelError, match="is not on this machine, which is set to stay off-line .*HF_HUB_OFFLINE"):
        fetch(find("flux-1-dev"))
    with pytest.raises(ModelError, match="'owner/name' is not here yet, so its family is not known; fetch it first"):
        plan(find("owner/name"))


class Hub:
    """A hub that lists two files and hands them over, or fails as it is told."""

    def __init__(self, folder, failure=None, size=100, sums=None):
        self.folder, self.failure, self.size, self.asked, self.sums = folder, failure, size, None, sums or {}

    def HfApi(self):  # noqa: N802
        return self

    def model_info(self, repo, revision, files_metadata):
        if self.failure:
            raise self.failure
        names = [
            "model_index.json",
            "transformer/a.safetensors",
            "flux1-dev.safetensors",
            "transformer/b.fp16.safetensors",
        ]
        names += ["vae/old.bin", "vae/modeling.py"]
        sums = {name: types.SimpleNamespace(sha256=told) for name, told in self.sums.items()}
        files = [types.SimpleNamespace(rfilename=name, size=self.size, lfs=sums.get(name)) for name in names]
        return types.SimpleNamespace(siblings=files, sha="abc")

    def snapshot_download(self, repo, revision, allow_patterns):
        self.asked = revision, allow_patterns
        return str(self.folder)


def test_only_safetensors_of_parts_are_fetched_and_the_commit_is_kept(monkeypatch, tmp_path):
    hub, said = Hub(checkpoint(tmp_path / "hub" / "models--o--n" / "snapshots" / "abc")), []
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(fetching, "_asked", lambda found, work: work(hub))
    licences.accept(find("o/n"))
    found = fetch(find("o/n"), said.append)
    assert hub.asked == ("abc", ["model_index.json", "transformer/a.safetensors"])
    assert (
        found.revision == "abc"
        and find("o/n").folder == hub.folder
        and said == ["fetching 0.0 GB of o/n", "checking what has arrived"]
    )


def test_what_arrived_damaged_is_deleted_and_said(tmp_path, monkeypatch):
    folder = checkpoint(tmp_path / "hub" / "models--o--n" / "snapshots" / "abc")
    weights = folder / "transformer" / "a.safetensors"
    weights.write_bytes(header())
    right = hashlib.sha256(header()).hexdigest()
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    licences.accept(find("o/n"))
    for told, fails in ((right, False), ("0" * 64, True)):
        hub = Hub(folder, sums={"transformer/a.safetensors": told})
        monkeypatch.setattr(fetching, "_asked", lambda found, work, hub=hub: work(hub))
        if not fails:
            assert fetch(Checkpoint("o/n", "o/n")).folder == folder
            continue
        with pytest.raises(
            ModelError, match="transformer/a.safetensors arrived damaged and was deleted; fetch it again"
        ):
            fetch(Checkpoint("o/n", "o/n"))
        assert not weights.exists()


def test_a_disk_that_is_too_small_is_said_before(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(fetching, "_asked", lambda found, work: work(Hub(tmp_path, size=10**16)))
    licences.accept(find("o/n"))
    with pytest.raises(ModelError, match="needs 20000000.0 GB of disk .* make room, or set HF_HOME to a larger disk"):
        fetch(find("o/n"))


def test_what_the_hub_refuses_becomes_a_sentence_without_the_token(monkeypatch):
    import httpx
    from huggingface_hub import errors

    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    response = httpx.Response(403, request=httpx.Request("GET", "https://huggingface.co/o/n"))
    for failure, said in (
        (
            errors.GatedRepoError("gated", response=response),
            "is gated: accept its licence at https://huggingface.co/o/n",
        ),
        (errors.RepositoryNotFoundError("none", response=response), "the hub has no o/n, or it is private"),
        (errors.RevisionNotFoundError("none", response=response), "o/n has no revision None"),
        (OSError("no route to hf_secret"), "could not be fetched (no route to …); check the network and try again"),
    ):

        def fail(hub, failure=failure):
            raise failure

        with pytest.raises(ModelError) as error:
            fetching._asked(Checkpoint("o/n", "o/n"), fail)
        assert said in str(error.value) and "hf_secret" not in str(error.value)


def test_chosen_checkpoints_have_names_and_how_to_load_them(tmp_path):
    folder = checkpoint(tmp_path / "deep" / "mine")
    named.add(named.Named("My Flux", str(folder), "image", {"offload": "disk"}))
    assert find("My Flux").folder == folder and find("My Flux").name == "My Flux"
    assert named.all_named()["My Flux"].load == {"offload": "disk"}
    with pytest.raises(ModelError, match="name: letters, digits, .*got '../x'"):
        named.add(named.Named("../x", str(folder), "image"))
    named.remove("My Flux")
    with pytest.raises(ModelError, match="'My Flux' was not added here; none was added"):
        named.remove("My Flux")
    (tmp_path / "home" / "checkpoints.json").write_text("[1")
    assert named.all_named() == {}


def test_families_and_cards_agree():
    by_family = {each.family: each for each in catalogue.cards() if each.fetchable}
    assert by_family.keys() <= KNOWN.keys()
    fields = {medium: set() for medium in ("image", "video", "audio", "mesh")}
    for kind in ANY_SETTINGS.values():
        if kind.MEDIUM in fields:
            fields[kind.MEDIUM] |= kind.model_fields.keys()
    for each in catalogue.cards():
        if each.fetchable:
            assert KNOWN[each.family].medium == each.medium and each.defaults.keys() <= fields[each.medium]
    for known in KNOWN.values():
        assert known.generate.keys() <= fields[known.medium]


def test_reading_checkpoints_loads_neither_torch_nor_diffusers(tmp_path):
    code = (
        "import sys; from pipelines.checkpoints import find, plan; from pipelines.settings import ImageSettings\n"
        "plan(find('flux-1-dev')).lines(); ImageSettings(prompt='x', model='flux-1-dev')\n"
        "import pipelines.pretrained; from studio.choosing import ready; ready('image')\n"
        "print(sorted({n.split('.')[0] for n in sys.modules} & {'torch', 'gradio', 'diffusers', 'huggingface_hub'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip() == "[]", run.stderr


def test_the_page_starts_without_anything_of_it(tmp_path):
    code = (
        "import sys; from pathlib import Path; from studio import ui; from studio.people import People\n"
        f"from studio.workshop import Workshop; ui.build(Workshop.open(People(False), Path({str(tmp_path)!r})))\n"
        "names = ('diffusers', 'torch', 'hy3dgen', 'pipelines.models.diffusers', 'pipelines.pretrained')\n"
        "print([n for n in names if n in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip().endswith("[]"), run.stdout + run.stderr
