"""Clips as training data, what the video starter is shown of them, and its objective."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from starters import random_starter, save_starter
from video_starters import TINY_VIDEO

from pipelines.models.motion import CHANNELS, moved
from pipelines.models.motions import MotionBank
from pipelines.models.verbs import Move, perform
from pipelines.models.weights import load_config, load_weights
from pipelines.training.data.clips import FRAMES, KEYS, ClipSet, Moving, prepare_motions, read_loop
from pipelines.training.data.moves import Moves, mirrored
from pipelines.training.data.stickers import Item, StickerSet
from pipelines.training.objectives import logit_normal
from pipelines.training.trainer import Trainer, TrainSettings
from pipelines.training.video import FROM_BLOCKS, VideoObjective, begin, export_video, levels, video_network


def sticker(seed=0):
    """A premultiplied disc of some colour, uint8 [64, 64, 4]."""
    axis = np.arange(64) - 31.5
    inside = (axis[None] ** 2 + axis[:, None] ** 2 < 20**2)[..., None]
    colour = np.random.default_rng(seed).integers(60, 255, 3)
    return (inside * np.array([*colour, 255])).astype(np.uint8)


@pytest.fixture(scope="module")
def clips():
    score = perform([Move("sway", cycles=1)], FRAMES, 8.0, loop=True)
    frames = [
        (moved(torch.from_numpy(sticker(seed)).permute(2, 0, 1) / 255, score.field) * 255).permute(0, 2, 3, 1).numpy()
        for seed in range(3)
    ]
    fields = np.broadcast_to(score.field.numpy().astype(np.float16), (3, len(KEYS), *score.field.shape)).copy()
    items = [Moving(name, name, ("round",), 1.0, name == "moon") for name in ("sun", "moon", "ball")]
    return ClipSet(np.stack(frames).astype(np.uint8), fields, items)


@pytest.fixture(scope="module")
def moves(clips):
    items = [Item(f"disc {n}", f"disc {n}", style, ("round",), 1.0, None, n == 2) for n, style in enumerate(["3d"] * 3)]
    return Moves(clips, StickerSet(np.stack([sticker(n) for n in range(3)]), items), (8, 8))


def test_a_clip_set_comes_back_as_it_was_saved(clips, tmp_path):
    clips.save(tmp_path)
    again = ClipSet.load(tmp_path)
    assert np.array_equal(again.frames, clips.frames) and np.array_equal(again.fields, clips.fields)
    assert again.items == clips.items and again.rows(held_out=True) == [1] and again.rows(held_out=False) == [0, 2]
    assert torch.equal(again.score(0).field, clips.score(0).field)


def test_the_bank_of_motions_holds_no_held_out_name(clips, tmp_path):
    assert prepare_motions(clips, tmp_path) == 2
    names = [name for name, _ in json.loads((tmp_path / "motions.json").read_text())]
    assert names == ["sun", "ball"] and MotionBank.load(tmp_path).look_up("moon") is None


def test_a_loop_is_read_at_even_times_and_what_stands_still_is_left_out(tmp_path):
    pictures = [Image.fromarray(np.roll(sticker(), 2 * frame, 1)) for frame in range(2 * FRAMES)]
    moving, still = tmp_path / "moving.webp", tmp_path / "still.webp"
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], lossless=True, duration=40)
    again = [Image.fromarray(np.maximum(sticker(), frame % 2)) for frame in range(2 * FRAMES)]
    again[0].save(still, save_all=True, append_images=again[1:], lossless=True, duration=40)
    found = read_loop(moving)
    assert found.shape == (FRAMES, 64, 64, 4) and np.abs(found[3].astype(int) - np.roll(sticker(), 12, 1)).max() < 40
    assert read_loop(still) is None
    pictures[0].save(still, lossless=True)
    assert read_loop(still) is None


def test_examples_are_drawn_by_seed_and_step(moves):
    first, again, other = moves.batch(4, 6, 8), moves.batch(4, 6, 8), moves.batch(5, 6, 8)
    assert all(torch.equal(a.clip, b.clip) and a.prompt == b.prompt for a, b in zip(first, again, strict=True))
    assert any(not torch.equal(a.clip, b.clip) for a, b in zip(first, other, strict=True))
    for each in first:
        assert each.clip.shape == (4, 8, 64, 64) and each.reference.shape == (5, 8, 64, 64)
        assert each.score.shape == (8, 8, 8, CHANNELS) and each.clip.abs().max() <= 1


def test_examples_never_show_what_is_held_out(moves):
    prompts = " ".join(each.prompt for step in range(12) for each in moves.batch(step, 8, 4))
    assert "sun" in prompts and "disc 1" in prompts and "moon" not in prompts and "disc 2" not in prompts


def test_what_is_shown_is_near_the_clip_where_the_motion_is_told(moves):
    near, untold = [], 0
    for step in range(12):
        for each in moves.batch(step, 8, 8):
            told, shown = bool(each.score[..., 5].any()), bool(each.reference.any())
            untold += not told
            if told and shown:
                still = (each.clip - each.clip[:, :1]).square().mean()
                if still > 0.01:
                    near.append(float((each.clip - each.reference[:4]).square().mean() / still))
    assert 5 < untold < 40 and np.median(near) < 0.2


def test_a_mirrored_score_is_the_score_of_the_mirror_image():
    score = perform([Move("slide", side=1.0)], 5, 10.0, loop=False)
    picture = torch.from_numpy(sticker()).permute(2, 0, 1) / 255
    picture[:, :, :32] *= 0.5
    flipped = moved(picture.flip(-1), mirrored(score).field)
    assert torch.allclose(flipped.flip(-1), moved(picture, score.field), atol=1e-4)


def test_noise_levels_give_frames_and_rise_as_in_a_stream():
    rng, generator = np.random.default_rng(0), torch.Generator().manual_seed(0)
    drawn = torch.stack([levels(8, logit_normal(1.2, 1.2), generator, rng) for _ in range(400)])
    assert drawn.min() == 0 and drawn.max() <= 1
    whole = (drawn == drawn[:, :1]).all(1)
    first = (drawn[:, 0] == 0) & (drawn[:, -1] > 0)
    rising = (drawn[:, 1:] >= drawn[:, :-1]).all(1) & (drawn[:, -1] > drawn[:, -2])
    both = (drawn[:, 0] == 0) & (drawn[:, -1] == 0)
    assert whole.float().mean() > 0.2 and first.float().mean() > 0.3
    assert rising.float().mean() > 0.1 and both.any() and (drawn > 0).any(1).all()


def test_the_network_begins_as_the_image_starter_reads_each_frame():
    pictures = random_starter(reference=True, depth=6)
    network = video_network(replace(TINY_VIDEO, depth=4), seed=1)
    begin(network, dict(pictures.network.named_parameters()))
    own, theirs = network.backbone.blocks, pictures.network.backbone.blocks
    for place, block in enumerate(FROM_BLOCKS):
        assert torch.equal(own[place].attention.to_q.weight, theirs[block].attention.to_q.weight)
    assert torch.equal(network.backbone.head.weight, pictures.network.backbone.head.weight)
    assert not network.backbone.temporal[0].to_out.weight.any()


def test_a_few_steps_lower_the_loss_and_are_exported(moves, tmp_path):
    network = video_network(TINY_VIDEO, seed=0)
    objective = VideoObjective(moves, random_starter(), logit_normal(1.2, 1.2), frames=16)
    settings = TrainSettings(steps=12, warmup=1, muon_rate=0.0, adam_rate=3e-3, ema=0.5)
    with torch.no_grad():
        before = sum(float(objective(network, step)) for step in range(100, 104))
    trainer = Trainer(network, objective, settings, tmp_path / "run")
    rows = list(trainer.run(log_every=4))
    with torch.no_grad():
        after = sum(float(objective(network, step)) for step in range(100, 104))
    assert len(rows) == 3 and after < before
    (tmp_path / "run" / "metrics.json").write_text(json.dumps([["verbs", "0.5"]]))
    export_video(tmp_path / "run", tmp_path / "out", TINY_VIDEO)
    card = (tmp_path / "out" / "README.md").read_text()
    assert "| verbs | 0.5 |" in card and "not the network's" in card and "Apache-2.0" in card
    assert load_config(tmp_path / "out")["kind"] == "video"
    assert load_weights(tmp_path / "out").keys() == dict(network.named_parameters()).keys()


def test_shipped_files_make_a_model(monkeypatch, tmp_path):
    from pipelines.models import video
    from pipelines.models.weights import save_weights

    network = video_network(TINY_VIDEO, seed=3)
    described = {"kind": "video", "backbone": TINY_VIDEO.to_dict()}
    save_weights(dict(network.named_parameters()), described, tmp_path / "weights" / "video-starter")
    save_starter(random_starter(), tmp_path / "weights" / "image-starter")
    score = perform([Move("sway")], 24, 8.0, loop=True)
    MotionBank.save([("sun", []), ("ball", [])], np.stack([score.field.numpy()] * 2), tmp_path / "motions")
    monkeypatch.setattr("pipelines.models.motions.assets", lambda: tmp_path)
    monkeypatch.setattr(video, "assets", lambda: tmp_path)
    model = video.load_video(tmp_path / "weights" / "video-starter")
    assert model.size == 64 and model.length == 16 and model.motions.look_up("sun").name == "sun"
    save_file({"x": torch.zeros(1)}, tmp_path / "weights" / "video-starter" / "weights-01.safetensors")
    with pytest.raises(video.ModelError, match="damaged"):
        video.load_video(tmp_path / "weights" / "video-starter")
