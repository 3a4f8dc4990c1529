"""The trainer: what resumes is what would have gone on, what crashes loses only its own checkpoint."""

import csv
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from starters import TINY
from torch import nn

from pipelines.backbone import FlowTransformer
from pipelines.backbone.text import TextEncoder, Tokenizer
from pipelines.errors import StudioError
from pipelines.models.colours import dominant_hue
from pipelines.training import trainer as trainer_module
from pipelines.training.data.captions import Sampler
from pipelines.training.data.stickers import Item, StickerSet
from pipelines.training.objectives import uniform
from pipelines.training.recipes import ImageObjective
from pipelines.training.trainer import Trainer, TrainSettings

WORDS = ("apple", "leaf", "fish", "sun", "flat", "red", "green", "blue", "yellow")


class Small(nn.Module):
    """One matrix that Muon trains and one vector that AdamW trains."""

    def __init__(self, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.blocks = nn.ModuleList([nn.Linear(6, 6, bias=False)])
        self.bias = nn.Parameter(torch.randn(6, generator=generator))
        with torch.no_grad():
            self.blocks[0].weight.copy_(torch.randn(6, 6, generator=generator) / 3)


def small_loss(model, step):
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(step))
    return (model.blocks[0](x) + model.bias - x.roll(1, 1)).square().mean()


def drain(trainer, until=None, **options):
    return list(trainer.run(until, **options))


def bits(trainer):
    """All that a run is made of: weights, averages and the optimizers' memory."""
    found = {f"model.{k}": v.detach().clone() for k, v in trainer.model.named_parameters()}
    found |= {f"average.{k}": v.clone() for k, v in trainer.average.items()}
    for index, optimizer in enumerate(trainer.optimizers):
        for key, state in optimizer.state_dict()["state"].items():
            found |= {f"{index}.{key}.{k}": v.clone() for k, v in state.items()}
    return found


def assert_same_bits(one, other):
    one, other = bits(one), bits(other)
    assert set(one) == set(other) and len(one) >= 7
    assert [name for name in one if not torch.equal(one[name], other[name])] == []


def four_stickers():
    pictures = np.zeros((4, 64, 64, 4), np.uint8)
    colours = [(220, 40, 40), (40, 200, 60), (50, 80, 220), (240, 200, 40)]
    places = [slice(0, 32), slice(16, 48), slice(32, 64), slice(8, 60)]
    for picture, colour, place in zip(pictures, colours, places, strict=True):
        picture[place, place] = (*colour, 255)
    names = ["apple", "leaf", "fish", "sun"]
    items = [
        Item(name, name, "flat", (), 1.0, dominant_hue(picture), False)
        for name, picture in zip(names, pictures, strict=True)
    ]
    return StickerSet(pictures, items)


class Tiny(nn.Module):
    """The starter's network, but smaller than its configuration allows."""

    def __init__(self, vectors):
        super().__init__()
        self.text = TextEncoder(vectors, TINY.dim, dim=64, depth=1)
        self.backbone = FlowTransformer(TINY)

    def forward(self, x, sigma, words, pieces):
        return self.backbone(x, sigma, *self.text(words, pieces))


def tiny_network(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Tiny(torch.randn(2 + len(WORDS), 8))


def tiny_objective(batch=4):
    tokenizer = Tokenizer(WORDS, 16)
    return ImageObjective(Sampler(four_stickers()), tokenizer, uniform(), batch=batch)


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(tmp_path):
    settings = TrainSettings(steps=6, warmup=2)
    whole, objective = tiny_network(), tiny_objective()
    straight = Trainer(whole, objective, settings, tmp_path / "straight")
    drain(straight)
    drain(Trainer(tiny_network(), objective, settings, tmp_path / "parts"), until=3)
    # Other initial weights: all must come from the checkpoint. The word vectors are no weights and stay.
    second = tiny_network(99)
    second.text.vectors.copy_(whole.text.vectors)
    resumed = Trainer(second, objective, settings, tmp_path / "parts")
    assert resumed.step == 3
    drain(resumed)
    assert resumed.step == straight.step == 6
    assert_same_bits(straight, resumed)
    assert not torch.equal(tiny_network().backbone.head.bias, whole.backbone.head.bias)


def test_the_log_goes_on_where_it_stopped(tmp_path):
    settings = TrainSettings(steps=8)
    drain(Trainer(Small(), small_loss, settings, tmp_path), until=4, log_every=2)
    drain(Trainer(Small(), small_loss, settings, tmp_path), log_every=2)
    rows = list(csv.DictReader((tmp_path / "log.csv").read_text().splitlines()))
    assert [row["step"] for row in rows] == ["2", "4", "6", "8"]
    assert float(rows[-1]["seconds"]) >= float(rows[1]["seconds"])


def stop_replacing_after(monkeypatch, count):
    """The process dies in place of the file move after ``count`` of them."""
    real, moves = trainer_module.os.replace, []

    def replace(source, target):
        if len(moves) == count:
            raise KeyboardInterrupt
        moves.append(target)
        real(source, target)

    monkeypatch.setattr(trainer_module.os, "replace", replace)


@pytest.mark.parametrize("moves", [0, 1])
def test_a_crash_between_the_files_of_a_checkpoint_leaves_a_run_that_goes_on_exactly(tmp_path, monkeypatch, moves):
    settings = TrainSettings(steps=6)
    straight = Trainer(Small(), small_loss, settings, tmp_path / "straight")
    drain(straight)
    broken = Trainer(Small(), small_loss, settings, tmp_path / "broken")
    drain(broken, until=2)
    with monkeypatch.context() as patch:
        stop_replacing_after(patch, moves)
        with pytest.raises(KeyboardInterrupt):
            drain(broken, until=4)
    resumed = Trainer(Small(7), small_loss, settings, tmp_path / "broken")
    assert resumed.step in {2, 4}
    drain(resumed)
    assert_same_bits(straight, resumed)


def test_a_crash_in_the_middle_of_writing_leaves_the_former_checkpoint(tmp_path, monkeypatch):
    trainer = Trainer(Small(), small_loss, TrainSettings(steps=6), tmp_path)
    drain(trainer, until=2)
    before = bits(trainer)

    def half(tensors, path, metadata):
        path.write_bytes(b"\x10\x00")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(trainer_module, "save_file", half)
        with pytest.raises(OSError):
            drain(trainer, until=4)
    resumed = Trainer(Small(7), small_loss, TrainSettings(steps=6), tmp_path)
    assert resumed.step == 2
    assert all(torch.equal(before[name], value) for name, value in bits(resumed).items())


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    drain(Trainer(Small(), small_loss, TrainSettings(steps=1), tmp_path))
    other = Small()
    other.extra = nn.Parameter(torch.zeros(1))
    with pytest.raises(StudioError, match="another model"):
        Trainer(other, small_loss, TrainSettings(steps=1), tmp_path)


def test_the_average_follows_its_formula(tmp_path):
    trainer = Trainer(Small(), small_loss, TrainSettings(steps=30, warmup=1, ema=0.6), tmp_path)
    wanted = trainer.model.bias.detach().double()
    for step in range(30):
        trainer._advance()
        keep = min(0.6, (1 + step) / (10 + step))
        wanted = keep * wanted + (1 - keep) * trainer.model.bias.detach().double()
    torch.testing.assert_close(trainer.average["bias"].double(), wanted, atol=1e-6, rtol=0)
    assert (trainer.average["bias"] - trainer.model.bias).abs().max() > 1e-4


def test_the_checkpoint_holds_the_average_apart_from_the_weights(tmp_path):
    trainer = Trainer(Small(), small_loss, TrainSettings(steps=5), tmp_path)
    drain(trainer)
    tensors = load_file(tmp_path / "state.safetensors")
    assert torch.equal(tensors["average.bias"], trainer.average["bias"])
    assert torch.equal(tensors["model.bias"], trainer.model.bias.detach())


def test_the_learning_rate_rises_stays_and_falls(tmp_path):
    settings = TrainSettings(steps=1000, warmup=100, decay=0.4)
    assert settings.rate(0) == 0.01
    assert settings.rate(49) == 0.5
    assert settings.rate(99) == settings.rate(300) == settings.rate(600) == 1
    assert settings.rate(800) == 0.5
    assert settings.rate(999) == 1 / 400
    assert settings.rate(1000) == settings.rate(5000) == 0
    trainer = Trainer(Small(), small_loss, TrainSettings(steps=10, warmup=4, muon_rate=0.02, adam_rate=0.01), tmp_path)
    trainer._advance()
    assert [o.param_groups[0]["lr"] for o in trainer.optimizers] == [0.005, 0.0025]


def test_matrices_of_blocks_go_to_muon_and_all_else_to_adam():
    network = tiny_network()
    muon, adam = trainer_module.make_optimizers(network, TrainSettings(steps=1))
    names = {id(p): name for name, p in network.named_parameters()}
    matrices = {names[id(p)] for group in muon.param_groups for p in group["params"]}
    rest = {names[id(p)] for group in adam.param_groups for p in group["params"]}
    assert matrices | rest == set(names.values()) and not matrices & rest
    assert "backbone.blocks.0.attention.to_q.weight" in matrices
    assert {"backbone.head.weight", "text.pieces.weight", "backbone.blocks.0.offset"} <= rest


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run_and_spares_the_weights(tmp_path, bad):
    def loss(model, step):
        return small_loss(model, step) * (bad if step == 2 else 1)

    trainer = Trainer(Small(), loss, TrainSettings(steps=5), tmp_path)
    with pytest.raises(StudioError, match=f"{bad} at step 2"):
        drain(trainer)
    assert trainer.step == 2
    assert all(torch.isfinite(value).all() for value in bits(trainer).values())


def test_a_tiny_network_learns_four_pictures(tmp_path):
    network, objective = tiny_network(), tiny_objective(batch=8)
    settings = TrainSettings(steps=60, warmup=5, muon_rate=0.01, adam_rate=0.005)

    def loss(model, step):
        return objective(model, step % 4)

    def mean_loss():
        with torch.no_grad():
            return sum(objective(network, step).item() for step in range(4)) / 4

    before = mean_loss()
    drain(Trainer(network, loss, settings, tmp_path))
    assert mean_loss() < 0.4 * before
