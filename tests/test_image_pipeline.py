"""The image pipeline: what it yields, what it costs, what repeats, and what an edit leaves alone."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from starters import any_picture, random_starter

from pipelines.codecs.image import to_picture, to_signal
from pipelines.errors import MediaError, ModelError, OutOfBudget
from pipelines.events import Done, Note, Preview, Progress
from pipelines.flow import CLAMP, RULES
from pipelines.image import ImagePipeline
from pipelines.media import Mask, Picture
from pipelines.sampling import edit_start, sigmas_of
from pipelines.settings import MAX_SEED, ImageEditSettings, ImageSettings


class Counting:
    """A starter that notes the level of every call."""

    def __init__(self, model):
        self.model, self.levels = model, []
        self.sites, self.value_dtype = model.sites, model.value_dtype
        self.encode, self.join, self.value_shape = model.encode, model.join, model.value_shape

    @property
    def calls(self):
        return len(self.levels)

    def velocity(self, x, sigma, condition, tap=None):
        self.levels.append(sigma.flatten()[0].item())
        return self.model.velocity(x, sigma, condition, tap)


class Oracle:
    """A model that draws one picture whatever it is asked."""

    sites, value_dtype = (), torch.float32

    def __init__(self, clean):
        self.clean = clean

    def encode(self, prompts):
        return SimpleNamespace(unknown=((),) * len(prompts), dropped=((),) * len(prompts))

    def velocity(self, x, sigma, condition, tap=None):
        level = sigma.clamp(min=CLAMP).reshape(-1, 1, 1, 1).to(x.dtype)
        return (x - self.clean.to(x.dtype)) / level


@pytest.fixture
def model(tiny_starter):
    return Counting(tiny_starter)


@pytest.fixture
def pipeline(model):
    return ImagePipeline(model)


def make(**changes):
    return ImageSettings(**{**dict(prompt="a red apple", seed=5, steps=3, width=32, height=32), **changes})


def change(**changes):
    return ImageEditSettings(**{**dict(prompt="a pear", source_prompt="an apple", seed=5, steps=3), **changes})


def done(events):
    *_, last = events
    assert isinstance(last, Done)
    return last


def half_mask(width, height):
    weights = np.zeros((height, width), np.float32)
    weights[:, width // 2 :] = 1
    return Mask(weights)


# -- making ------------------------------------------------------------------------------------------------------------


def test_events_come_in_order(pipeline):
    events = list(pipeline.generate(make(prompt="a red zyzzyva", count=2)))
    kinds = [type(event) for event in events]
    assert kinds == [Note, *[Progress, Preview] * 3, Done]
    assert "zyzzyva" in events[0].text and "red" not in events[0].text
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(event.done, event.total) for event in progress] == [(1, 3), (2, 3), (3, 3)]
    assert progress[-1].seconds_left == 0 and all(event.seconds_left > 0 for event in progress[:-1])
    assert all(len(event.items) == 2 and event.items[0].size == (32, 32) for event in events if hasattr(event, "items"))
    assert events[-1].seeds == (5, 6) and events[-1].seconds > 0


def test_the_last_preview_is_the_result(pipeline):
    *_, preview, result = pipeline.generate(make())
    assert np.array_equal(preview.items[0].pixels, result.items[0].pixels)


def test_words_that_are_left_out_are_noted(pipeline):
    notes = [e.text for e in pipeline.generate(make(prompt="red " * 20, style="none")) if isinstance(e, Note)]
    assert len(notes) == 1 and notes[0].endswith("left out: red")
    assert not [e for e in pipeline.generate(make()) if isinstance(e, Note)]


def test_closing_stops_the_model(pipeline, model):
    events = pipeline.generate(make(steps=50, guidance=1))
    for event in events:
        if isinstance(event, Progress) and event.done == 2:
            break
    events.close()
    assert model.calls == 2
    edit = pipeline.edit(change(steps=50, guidance=1), any_picture(20, 20))
    next(edit)
    edit.close()
    assert model.calls == 4  # one step of FlowEdit asks about source and target


def test_nothing_runs_before_the_first_event_is_asked_for(pipeline, model):
    pipeline.generate(make())
    assert model.calls == 0


@pytest.mark.parametrize("size", [(32, 32), (64, 40), (128, 64)])
def test_pictures_have_the_size_that_was_asked_for(pipeline, size):
    width, height = size
    assert done(pipeline.generate(make(width=width, height=height, steps=1))).items[0].size == size


def test_guidance_of_one_asks_once_a_step_and_above_twice(pipeline, model):
    assert done(pipeline.generate(make(guidance=1, guidance_from=0))).calls == model.calls == 3
    assert done(pipeline.generate(make(guidance=2, guidance_from=0))).calls == model.calls - 3 == 6


def test_guidance_keeps_to_its_interval(pipeline, model):
    settings = make(guidance=3, steps=10, schedule="uniform", guidance_from=0.3, guidance_to=0.7)
    result = done(pipeline.generate(settings))
    levels = sigmas_of(settings, 16, end=CLAMP)[:-1].tolist()
    wanted = [level for level in levels for _ in range(2 if 0.3 <= level <= 0.7 else 1)]
    assert model.levels == pytest.approx(wanted, abs=1e-6)
    assert result.calls == len(wanted) == 14


def test_guidance_and_what_to_avoid_change_the_picture(pipeline):
    plain = done(pipeline.generate(make(guidance=1))).items[0].pixels
    guided = done(pipeline.generate(make(guidance=4))).items[0].pixels
    avoiding = done(pipeline.generate(make(guidance=4, negative_prompt="green"))).items[0].pixels
    assert not np.array_equal(plain, guided) and not np.array_equal(guided, avoiding)
    same = done(pipeline.generate(make(guidance=1, negative_prompt="green"))).items[0].pixels
    assert np.array_equal(plain, same)


def test_the_style_adds_its_word(pipeline):
    styled = done(pipeline.generate(make(style="flat"))).items[0].pixels
    spelled = done(pipeline.generate(make(prompt="a red apple, flat", style="none"))).items[0].pixels
    assert np.array_equal(styled, spelled)
    assert not np.array_equal(styled, done(pipeline.generate(make(style="none"))).items[0].pixels)


def test_a_seed_makes_the_same_picture_again(pipeline):
    first, again, other = (done(pipeline.generate(make(seed=s))).items[0].pixels for s in (5, 5, 6))
    assert np.array_equal(first, again) and np.abs(first.astype(int) - other).mean() > 2


def test_a_batch_holds_the_pictures_of_its_seeds(pipeline):
    batch = done(pipeline.generate(make(count=3)))
    assert batch.seeds == (5, 6, 7)
    for picture, seed in zip(batch.items, batch.seeds, strict=True):
        alone = done(pipeline.generate(make(seed=seed))).items[0].pixels
        seen = picture.pixels[..., 3] > 8  # under almost no alpha a step of colour is many steps
        assert np.abs(picture.pixels.astype(int) - alone)[seen].max() <= 1
        assert np.abs(picture.pixels[..., 3].astype(int) - alone[..., 3]).max() <= 1


def test_seeds_wrap_and_an_empty_one_is_drawn(pipeline):
    assert done(pipeline.generate(make(seed=MAX_SEED, count=2, steps=1))).seeds == (MAX_SEED, 0)
    drawn = {done(pipeline.generate(make(seed=None, steps=1))).seeds[0] for _ in range(4)}
    assert len(drawn) == 4 and all(0 <= seed <= MAX_SEED for seed in drawn)


def test_making_leaves_the_global_generator_alone(pipeline):
    before = torch.random.get_rng_state()
    done(pipeline.generate(make(seed=None)))
    done(pipeline.edit(change(seed=None), any_picture(20, 20)))
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("steps", [1, 2, 20, 200])
@pytest.mark.parametrize("solver", RULES)
def test_the_result_is_what_the_network_drew(solver, steps):
    clean = torch.rand(4, 32, 32, generator=torch.Generator().manual_seed(0)) * 0.4
    clean[3] = 1.0
    result = done(ImagePipeline(Oracle(clean)).generate(make(solver=solver, steps=steps)))
    assert np.abs(result.items[0].pixels.astype(int) - to_picture(clean).pixels).max() <= 1


def test_a_run_that_leaves_the_numbers_is_an_error_for_people():
    pipeline = ImagePipeline(Oracle(torch.full((4, 32, 32), torch.nan)))
    with pytest.raises(ModelError, match="not finite"):
        list(pipeline.generate(make()))


# -- editing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(64, 64), (100, 37)])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("guidance", [1, 4, 20])
@pytest.mark.parametrize("method", ["flowedit", "recompute", "cache", "paired"])
def test_an_edit_to_the_same_words_returns_every_bit(pipeline, method, guidance, masked, size):
    how = {"method": "flowedit"} if method == "flowedit" else {"method": "rf-edit", "features": method, "share_from": 0}
    picture = any_picture(*size)
    settings = change(prompt="an apple", strength=1, guidance=guidance, **how)
    result = done(pipeline.edit(settings, picture, half_mask(*size) if masked else None))
    assert np.array_equal(result.items[0].pixels, picture.pixels)


@pytest.mark.parametrize("method", ["flowedit", "rf-edit", "magicmix", "sdedit"])
@pytest.mark.parametrize("size", [(64, 64), (100, 37)])
def test_other_words_change_the_picture_but_nothing_outside_the_mask(pipeline, method, size):
    picture, mask = any_picture(*size), half_mask(*size)
    edited = done(pipeline.edit(change(method=method, strength=1), picture, mask)).items[0]
    outside = mask.weights == 0
    assert edited.size == size
    assert np.array_equal(edited.pixels[outside], picture.pixels[outside])
    assert (edited.pixels[~outside] != picture.pixels[~outside]).any(-1).mean() > 0.3


@pytest.mark.parametrize("method", ["flowedit", "rf-edit", "magicmix", "sdedit"])
def test_a_feathered_mask_keeps_its_outside_too(pipeline, method):
    picture, mask = any_picture(70, 50), half_mask(70, 50)
    edited = done(pipeline.edit(change(method=method, strength=1, feather=6), picture, mask)).items[0]
    outside = mask.weights == 0
    assert np.array_equal(edited.pixels[outside], picture.pixels[outside])
    assert not np.array_equal(edited.pixels, picture.pixels)


@pytest.mark.parametrize("method", ["flowedit", "rf-edit", "magicmix", "sdedit"])
def test_an_edit_says_what_it_did(pipeline, model, method):
    events = list(pipeline.edit(change(method=method), any_picture(20, 30)))
    total = 6 if method == "rf-edit" else 3  # there and back
    progress = [event for event in events if isinstance(event, Progress)]
    assert [(p.done, p.total) for p in progress] == [(step + 1, total) for step in range(total)]
    assert [type(event) for event in events] == [*[Progress, Preview] * total, Done]
    assert events[-1].seeds == (5,) and events[-1].calls == model.calls


def test_the_price_of_an_edit(pipeline, model):
    prices = {}
    for guidance in (1, 3):
        for method, how in {
            "flowedit": {"method": "flowedit"},
            "averaged": {"method": "flowedit", "average": 2},
            "rf-edit": {"method": "rf-edit", "share_steps": 0},
            "sdedit": {"method": "sdedit"},
        }.items():
            before = model.calls
            done(pipeline.edit(change(guidance=guidance, steps=4, **how), any_picture(20, 20)))
            prices[method, guidance] = model.calls - before
    assert prices["flowedit", 1] == 2 * 4 and prices["flowedit", 3] == 3 * 4
    assert prices["averaged", 1] == 2 * 2 * 4
    assert prices["rf-edit", 1] == 1 + 4 + 2 + 4  # first velocity, there, turn, back
    assert prices["rf-edit", 3] == 1 + 4 + 2 + 2 * 4
    assert prices["sdedit", 1] == 4 and prices["sdedit", 3] == 2 * 4


def test_sharing_policies_agree(pipeline):
    picture = any_picture(64, 64)
    made = {
        policy: done(pipeline.edit(change(method="rf-edit", features=policy, share_from=0), picture)).items[0].pixels
        for policy in ("cache", "recompute", "paired")
    }
    none = done(pipeline.edit(change(method="rf-edit", share_steps=0), picture)).items[0].pixels
    assert np.array_equal(made["cache"], made["recompute"])
    seen = picture.pixels[..., 3] > 8
    assert np.abs(made["paired"].astype(int) - made["cache"])[seen].max() <= 2
    assert not np.array_equal(made["cache"], none)


def test_strength_decides_how_far_an_edit_goes(pipeline, model):
    assert edit_start(0) == 0.2 and edit_start(1) == 1
    done(pipeline.edit(change(method="sdedit", strength=0.5, guidance=1), any_picture(20, 20)))
    assert model.levels[0] == pytest.approx(0.6) and min(model.levels) > CLAMP
    for strength in (0, 0.25, 1):
        model.levels.clear()
        done(pipeline.edit(change(method="flowedit", strength=strength), any_picture(20, 20)))
        assert max(model.levels) == pytest.approx(edit_start(strength))


def test_an_edit_repeats_with_its_seed(pipeline):
    picture = any_picture(30, 30)
    first, again, other = (done(pipeline.edit(change(seed=s), picture)).items[0].pixels for s in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_transparent_picture_is_refused_before_anything_runs(pipeline, model):
    pixels = any_picture(20, 20).pixels.copy()
    pixels[..., 3] = 0
    with pytest.raises(MediaError, match="^picture: every pixel is transparent"):
        list(pipeline.edit(change(), Picture(pixels)))
    assert model.calls == 0


def test_a_mask_of_another_size_is_refused_with_both_sizes(pipeline, model):
    with pytest.raises(MediaError, match=r"^mask: is \(30, 20\) pixels, the picture is \(20, 30\)"):
        list(pipeline.edit(change(), any_picture(20, 30), half_mask(30, 20)))
    assert model.calls == 0


def test_sharing_beyond_the_budget_is_refused_with_the_numbers(pipeline, model):
    settings = change(method="rf-edit", features="cache", steps=200, share_steps=100, share_from=0, budget_mb=1)
    rows = 64  # grid cells; the rows of the words are not shared
    needed = 100 * 2 * rows * 32 * 4
    with pytest.raises(OutOfBudget, match=f"'cache' would hold {needed:,} bytes, the budget is 1,000,000; policy"):
        list(pipeline.edit(settings, any_picture(64, 64)))
    assert model.calls == 0
    assert done(pipeline.edit(settings.with_(steps=4, share_steps=4), any_picture(64, 64))).calls == model.calls


def test_a_word_that_the_model_does_not_know_is_noted(pipeline):
    first, *_ = pipeline.edit(change(prompt="a zyzzyva"), any_picture(20, 20))
    assert isinstance(first, Note) and "zyzzyva" in first.text


def test_half_a_weight_is_half_the_way(pipeline):
    source = Picture(np.full((64, 64, 4), 128, np.uint8) | np.array([0, 0, 0, 255], np.uint8))

    def edited(weight):
        mask = Mask(np.full((64, 64), weight, np.float32))
        return to_signal(done(pipeline.edit(change(method="flowedit", seed=1), source, mask)).items[0])

    # Alpha, because colour is also bounded by it.
    whole, half, none = (signal[:, 3] for signal in (edited(1.0), edited(0.5), to_signal(source)))
    assert (whole - none).abs().mean() > 0.2
    assert ((whole + none) / 2 - half).abs().max() < 0.02


def test_a_network_in_bf16_draws_nearly_the_same():
    starter = random_starter()  # its own: rounding stays in the weights
    starter.network.to(torch.bfloat16)
    rough = starter.velocity(torch.ones(1, 4, 64, 64), torch.tensor([0.7]), starter.encode(["red heart"]))
    starter.network.to(torch.float32)
    fine = starter.velocity(torch.ones(1, 4, 64, 64), torch.tensor([0.7]), starter.encode(["red heart"]))
    assert rough.dtype == torch.float32
    assert ((rough - fine).norm() / fine.norm()).item() < 0.05
