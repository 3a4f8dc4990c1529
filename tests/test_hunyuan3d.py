"""Shapes from pictures by Hunyuan3D-2: against its own package where that is installed, else its interface."""

import inspect
from contextlib import suppress
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from tiny_hunyuan3d import CONFIG, save

from pipelines.checkpoints import Checkpoint, find, hunyuan3d, plan
from pipelines.checkpoints.fetching import _of_hunyuan3d
from pipelines.checkpoints.found import check
from pipelines.errors import ModelError, SettingsError
from pipelines.events import Done, Note, Progress
from pipelines.media import Picture
from pipelines.pretrained.shapes import PretrainedShapes
from pipelines.settings import MeshEditSettings, MeshSettings

pytestmark = [
    pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning", "UserWarning")
]
ASKED = {"model": "hunyuan3d-2", "seed": 3, "steps": 3, "guidance": 5.0, "colours": "none", "faces": 300}


class Standing:
    """A stand-in with the calls of Hunyuan3DDiTFlowMatchingPipeline that are used; its flow ends in a ball."""

    device, dtype = torch.device("cpu"), torch.float32
    vae = SimpleNamespace(latent_shape=(4, 8))

    def __init__(self):
        self.asked = []

    def prepare_image(self, image) -> dict:
        assert image.mode == "RGBA"
        return {"image": torch.zeros(1, 3, 8, 8), "mask": torch.zeros(1, 1, 8, 8)}

    def encode_cond(self, image, additional_cond_inputs, do_classifier_free_guidance, dual_guidance):
        assert set(additional_cond_inputs) == {"mask"} and not dual_guidance
        return {"main": torch.ones(2 if do_classifier_free_guidance else 1, 2, 4)}

    def model(self, x, t, contexts, **kwargs):
        self.asked.append((tuple(x.shape), float(t[0]), len(contexts["main"])))
        data = torch.full_like(x, 0.5)
        return (data - x) / (1 - t[0]).clamp(min=1e-3)  # data - noise of a straight line that ends in data

    def _export(self, latents, output_type="trimesh", box_v=1.01, mc_level=0.0, num_chunks=20000, octree_resolution=256,
                mc_algo="mc", enable_pbar=True):  # fmt: skip
        import trimesh

        torch.testing.assert_close(latents, torch.full((1, 4, 8), 0.5), atol=1e-4, rtol=0)
        return [trimesh.creation.icosphere(3, box_v / 2)]


def picture():
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[8:32, 8:32] = (200, 30, 30, 255)
    return Picture(pixels)


def made(shapes, **changes):
    return list(shapes.generate(MeshSettings(**{**ASKED, **changes}), picture()))


def test_a_picture_becomes_a_mesh_by_our_solver_guided_by_no_picture():
    shapes = PretrainedShapes(Standing())
    *events, done = made(shapes, count=2, prompt="a ball")
    assert isinstance(done, Done) and done.seeds == (3, 4) and done.calls == 12
    assert [each.done for each in events if isinstance(each, Progress)] == [1, 2, 3, 4, 5, 6]
    assert [each.text for each in events if isinstance(each, Note)] == [
        "Hunyuan3D 2 reads the picture alone; the words are left out."
    ]
    mesh = done.items[0]
    assert mesh.colours is None and 100 < len(mesh.faces) <= 300 and np.abs(mesh.vertices).max() <= 0.5
    shape, first, guided = shapes.pipeline.asked[0]
    assert shape == (2, 4, 8) and first == 0 and guided == 2  # noise is at time 0 there; picture and none in one batch
    alone = PretrainedShapes(Standing())
    assert made(alone, guidance=1.0)[-1].calls == 3 and alone.pipeline.asked[0] == ((1, 4, 8), 0.0, 1)


def test_it_says_what_it_cannot_do(tmp_path):
    shapes = PretrainedShapes(Standing())
    with pytest.raises(SettingsError, match="^image: is missing; Hunyuan3D 2 makes shapes of a picture"):
        next(shapes.generate(MeshSettings(**ASKED)))
    with pytest.raises(SettingsError, match="^colours: Hunyuan3D 2 makes shapes alone; choose 'none'"):
        made(shapes, colours="texture")
    with pytest.raises(ModelError, match="edits none; use the starter"):
        shapes.edit(MeshEditSettings(prompt="a mug", model="hunyuan3d-2"), None)
    with pytest.raises(ModelError, match="^model: the result is not finite"):
        shapes.mesh(torch.full((1, 4, 8), torch.nan))


def laid(folder, config):
    (folder / hunyuan3d.PART).mkdir(parents=True, exist_ok=True)
    (folder / hunyuan3d.CONFIG).write_text(yaml.safe_dump(config))
    return folder


def test_a_folder_is_found_counted_and_refused_where_it_would_run_other_code(tmp_path):
    folder = laid(tmp_path / "mine", CONFIG)
    found = find(str(folder))
    assert found.family == hunyuan3d.FAMILY and found.known.medium == "mesh" and found.known.generate["guidance"] == 5.0
    with pytest.raises(ModelError, match="model.fp16.safetensors is missing in 'mine'"):
        check(folder)
    (folder / hunyuan3d.PART / "model.fp16.ckpt").write_bytes(b"\x80")
    with pytest.raises(ModelError, match="model.fp16.ckpt is a pickle, which can run code"):
        check(folder)
    (folder / hunyuan3d.WEIGHTS).write_bytes((2).to_bytes(8, "little") + b"{}" + b"\0" * 1000)
    check(folder)
    assert plan(found).parts[hunyuan3d.PART] > 1000
    for target in ("os.system", "hy3dgenx.Mine", "builtins.exec"):
        laid(folder, {**CONFIG, "vae": {"target": target, "params": {}}})
        with pytest.raises(ModelError, match=f"asks for '{target}'; no foreign code is run here"):
            check(folder)
    (folder / hunyuan3d.CONFIG).write_text("a: [")
    with pytest.raises(ModelError, match="config.yaml of 'mine' is damaged"):
        check(folder)
    wanted = [hunyuan3d.CONFIG, hunyuan3d.WEIGHTS, f"{hunyuan3d.PART}/model.fp16.ckpt", "hunyuan3d-paint-v2-0/a.bin"]
    assert [name for name in wanted if _of_hunyuan3d(name)] == wanted[:2]


def test_without_its_package_the_extra_is_named(tmp_path, monkeypatch):
    folder = laid(tmp_path / "mine", CONFIG)
    (folder / hunyuan3d.WEIGHTS).write_bytes((2).to_bytes(8, "little") + b"{}")
    monkeypatch.setitem(__import__("sys").modules, "hy3dgen", None)
    monkeypatch.setitem(__import__("sys").modules, "hy3dgen.shapegen", None)
    found = Checkpoint("mine", folder=folder, family=hunyuan3d.FAMILY)
    with pytest.raises(ModelError, match=r"extra 'hunyuan3d'; run: pip install 'eddyline\[hunyuan3d\]'"):
        PretrainedShapes.load(found, plan(find(str(folder))))


def test_the_package_itself_makes_what_its_own_call_makes(tmp_path):
    own = pytest.importorskip("hy3dgen.shapegen").Hunyuan3DDiTFlowMatchingPipeline
    for name in ("prepare_image", "encode_cond", "_export"):  # the stand-in has what the package has
        theirs, ours = (inspect.signature(getattr(kind, name)).parameters for kind in (own, Standing))
        assert set(ours) <= set(theirs)
    folder = save(tmp_path / "tiny")
    shapes = PretrainedShapes.load(find(str(folder)), plan(find(str(folder))))
    shapes.grid = 16
    from PIL import Image

    from pipelines.flow import noise, solve
    from pipelines.flow.rules import EULER

    start = noise(tuple(shapes.pipeline.vae.latent_shape), [7])
    shapes.pipeline.prepare_latents = lambda *args, **kwargs: start.clone()
    # Their grid of n + 1 times from 0 to 1 ends with a step of no length.
    theirs = shapes.pipeline(
        image=Image.fromarray(picture().pixels, "RGBA"), num_inference_steps=5, guidance_scale=4.0,
        output_type="latent", enable_pbar=False,
    )  # fmt: skip
    velocity = shapes.velocity(picture(), 4.0)
    *_, last = solve(velocity, start, torch.linspace(1, 0, 5, dtype=torch.float64), EULER)
    torch.testing.assert_close(last.state.value.float(), theirs.clone(), atol=1e-4, rtol=1e-4)
    assert not torch.equal(theirs, start)
    meshes = []
    for scale in (1, 3, 9):  # what random weights decode to may be empty
        with suppress(ModelError):
            meshes.append(shapes.mesh(scale * start))
    assert meshes and all(np.abs(each.vertices).max() <= 0.51 and len(each.faces) for each in meshes)
