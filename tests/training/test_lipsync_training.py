"""Data and objectives of the lip-sync starter, on faces drawn on the spot and a handful of made-up sentences."""

import numpy as np
import pytest
import torch
from lipsync.tiny import HEARS, MOUTH
from training.test_speech_training import made_up

from pipelines.backbone import BackboneConfig
from pipelines.errors import ModelError
from pipelines.models.listener import ListenerConfig, load_listener
from pipelines.models.mouth import SIDE, MouthNetwork, Mouths, load_mouth
from pipelines.models.mouth_draft import draft, sketch
from pipelines.training import lipsync
from pipelines.training.data import drawn, visemes
from pipelines.training.data.mouths import MouthSet, measured, sampled, shape_from


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def avatars(count=3):
    """Faces that are a grey square, with mouths that are dark bars of growing height."""
    pictures, shapes, rows = [], [], []
    for number in range(count):
        begin = len(pictures)
        for height in (0, 2, 8, 14):
            face = np.full((112, 112, 3), 160, np.uint8)
            face[54 : 54 + height, 41:72] = 20
            pictures.append(face)
            shapes.append([max(0, (height - 2) / 15.5), 0, 0, 0, 0])
        rows.append(("plain", number == 0, begin, begin + 1, 3))
    return MouthSet(np.stack(pictures), np.array(shapes, np.float32), tuple(rows))


def test_two_drawings_of_a_face_differ_in_the_mouth_alone():
    faces = drawn.drawings(16, generator())
    pictures = [drawn.draw(faces, drawn.shapes(16, generator(seed))) for seed in (1, 2)]
    (first, one), (second, two) = pictures
    apart = (first - second).abs().amax(1, keepdim=True)
    assert apart.amax((1, 2, 3)).gt(0.1).float().mean() > 0.8
    assert (apart * (torch.maximum(one, two) == 0)).max() < 1e-5


@pytest.mark.parametrize("families", [drawn.TRAINED, drawn.HELD_OUT])
def test_a_mouth_opens_as_far_as_its_shape_says(families):
    faces = drawn.drawings(24, generator(3), families)
    areas = []
    for opened in (0.0, 0.5, 1.0):
        shape = torch.tensor([opened, 0, 0, 0, 0]).expand(24, -1)
        areas.append(drawn.draw(faces, shape)[1].sum((1, 2, 3)))
    assert (areas[2] > areas[1]).float().mean() > 0.9 and (areas[1] > areas[0]).float().mean() > 0.9


def test_what_a_mouth_does_is_measured_where_it_differs():
    bare = np.full((100, 100, 3), 200, np.uint8)
    picture = bare.copy()
    picture[40:60, 30:70] = 10
    found = measured(picture, bare)
    assert (found.left, found.right, found.top, found.bottom, found.thick) == (30, 70, 40, 60, 20)
    opened, wide, teeth, tongue, smile = shape_from(found, 40, 2)
    assert opened == pytest.approx((20 - 2.4) / 20) and wide == teeth == tongue == 0 and abs(smile) < 1e-6
    assert measured(bare, bare) is None


def test_pairs_are_in_one_pose_unless_they_are_told_apart():
    held = avatars()
    same = sampled(held, 12, np.random.default_rng(1), torch.zeros(12))
    outside = torch.nn.functional.max_pool2d(same.matte, 5, 1, 2) == 0
    assert ((same.source - same.target).abs().amax(1, keepdim=True) * outside).max() < 0.02
    apart = sampled(held, 12, np.random.default_rng(1), torch.ones(12))
    assert torch.equal(apart.target, same.target) and not torch.equal(apart.source, same.source)
    assert held.subset(True).avatars == held.avatars[:1] and len(held.subset(False).avatars) == 2


def test_a_sketch_is_as_open_as_its_shape_and_a_draft_covers_the_old_mouth():
    shape = torch.tensor([[1.0, 0, 0, 0, 0], [0.5, 0, 1, 1, 0], [0, 0, 1, 1, 0]])
    parts = sketch(shape, SIDE)
    high = parts[:, 0, :, SIDE // 2].sum(1)
    assert high[0] == pytest.approx(SIDE / 2.4 * 0.5, abs=1.5) and high[1] == pytest.approx(high[0] / 2, abs=1)
    assert parts[2, :3].max() == 0 and parts[2, 3].max() == 1 and parts[1, 1].sum() > 5 < parts[1, 2].sum()
    source = torch.full((1, 3, SIDE, SIDE), 0.5)
    source[..., 30:44, 20:44] = -0.9
    colour, matte = draft(source, torch.zeros(1, 5), torch.zeros(1))
    assert (colour - 0.5).abs().max() < 0.03 and matte[0, 0, 36, 32] == 1 and matte[0, 0, 2, 2] == -1
    drawn_in, _ = draft(source, torch.tensor([[1.0, 0, 0, 0, 0]]), torch.ones(1))
    assert drawn_in[0, :, 36, 32].max() < -0.6


def test_an_untrained_painter_paints_its_draft():
    network = MouthNetwork(MOUTH)
    mouths = Mouths(torch.rand(2, 3, SIDE, SIDE) - 0.5, drawn.shapes(2, generator()), torch.ones(2))
    made = network(torch.randn(2, 4, SIDE, SIDE), torch.rand(2), mouths)
    assert torch.allclose(made, torch.cat(draft(mouths.source, mouths.shape, mouths.told), 1))


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A run of a few steps."""
    folder = tmp_path_factory.mktemp("mouth")
    (folder / "mouths").mkdir()
    held = avatars()
    np.savez_compressed(folder / "mouths" / "mouths.npz", pictures=held.pictures, shapes=held.shapes)
    import json

    (folder / "mouths" / "avatars.json").write_text(json.dumps([list(row) for row in held.avatars]))
    trainer, _ = lipsync.mouth(folder, folder / "run", steps=12, compile_model=False, config=MOUTH, batch=8)
    rows = list(trainer.run(log_every=4))
    return folder, rows


def test_the_painter_learns_and_ships(painted):
    folder, rows = painted
    assert all(np.isfinite(row["loss"]) for row in rows)
    lipsync.export_mouth(folder / "run", folder / "out", MOUTH)
    model = load_mouth(folder / "out")
    assert model.network.config == MOUTH and "Held out" not in (folder / "out" / "README.md").read_text()[:5]
    (folder / "out" / "config.json").write_text('{"backbone": {"dim": 3}, "shards": {}}')
    with pytest.raises(ModelError, match="does not fit this version"):
        load_mouth(folder / "out")


def test_the_listener_hears_frames_beside_their_rows_and_ships(tmp_path):
    speech = made_up()
    crops = visemes.Crops(speech, batch=4)
    assert all(u.voice != visemes.HELD_OUT_VOICE and not u.held_out for u in crops.utterances)
    data, heard = crops.at(3)
    assert data.shape == (4, visemes.KEPT, visemes.ROWS) and heard.shape == (4, 100, 2 * visemes.ROWS)
    assert data.min() >= -1 and data.max() <= 1 and torch.isfinite(heard).all()
    again, _ = crops.at(3)
    assert torch.equal(data, again)
    config = ListenerConfig(BackboneConfig(**{**HEARS.to_dict(), "grid": (144,), "patch": (2,)}), 16)
    network = lipsync.ListenerNetwork(config)
    loss = lipsync.ListenerObjective(crops, lipsync.logit_normal(1.0, 1.0))(network, 0)
    assert torch.isfinite(loss)
    run = tmp_path / "run"
    lipsync.Trainer(network, lambda *_: loss, lipsync.LISTENER_SETTINGS, run).save()
    lipsync.export_listener(run, tmp_path / "out", config)
    assert load_listener(tmp_path / "out").config == config
