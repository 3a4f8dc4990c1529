"""Clips are made, edited and extended; with random weights the rules hold that need no training."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from starters import any_picture
from video_starters import TINY_VIDEO, any_clip, random_video

from pipelines.edit import EditPlan
from pipelines.edit.rf_edit import invert
from pipelines.errors import MediaError, ModelError, SettingsError
from pipelines.events import Done, Note, Piece, Preview, Progress
from pipelines.flow import ALF, CLAMP, Call, conditioned, noise, sigma_grid, solve
from pipelines.flow.filling import fill
from pipelines.flow.rules import EULER
from pipelines.media import Clip, Mask, Picture
from pipelines.models import registry
from pipelines.models.motion import performed
from pipelines.models.verbs import Move, perform
from pipelines.settings import VideoEditSettings, VideoExtendSettings, VideoSettings
from pipelines.video import MAX_FRAMES, VideoPipeline
from pipelines.video.asking import Motion
from pipelines.video.canvas import Canvas, on_canvas, painted
from pipelines.video.editing import one_noise
from pipelines.video.making import along, settled
from pipelines.video.streaming import CONTEXT, PART, PARTS, Buffer, Scene


@pytest.fixture(scope="module")
def pipeline():
    return VideoPipeline(random_video())


def ended(events):
    found = list(events)
    assert isinstance(found[-1], Done) and sum(isinstance(each, Done) for each in found) == 1
    return found


def settings(**changes):
    return VideoSettings(**{"prompt": "a grinning face, nodding", "frames": 6, "steps": 2, "seed": 5, **changes})


def test_a_clip_is_made_of_words_and_said_how(pipeline):
    events = ended(pipeline.generate(settings(count=2)))
    done = events[-1]
    assert [clip.frames.shape for clip in done.items] == [(6, 64, 64, 4)] * 2 and done.seeds == (5, 6)
    assert done.items[0].rate == 10 and not np.array_equal(done.items[0].frames, done.items[1].frames)
    assert any(isinstance(each, Note) and "nod" in each.text for each in events)
    # The picture is seen while it is drawn, then the frames while they are made.
    previews = [each for each in events if isinstance(each, Preview)]
    assert len(previews) > 20 and previews[-1].items[0].frames.shape[0] == 6
    assert [each.done for each in events if isinstance(each, Progress)] == [1, 2]


def test_the_same_seed_gives_the_same_clip(pipeline):
    first, again, other = (ended(pipeline.generate(settings(seed=seed)))[-1].items[0].frames for seed in (5, 5, 6))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_a_name_without_a_verb_moves_as_learned(pipeline):
    notes = [each.text for each in pipeline.generate(settings(prompt="a grinning face")) if isinstance(each, Note)]
    assert any("animated sticker 'grinning face'" in note for note in notes)
    notes = [each.text for each in pipeline.generate(settings(prompt="zzyzx")) if isinstance(each, Note)]
    assert any("floats gently" in note for note in notes)


@pytest.mark.parametrize("size", [(64, 64), (100, 70), (30, 90), (700, 40)])
def test_a_picture_stays_the_first_frame_at_its_own_size(pipeline, size):
    picture = any_picture(*size)
    done = ended(pipeline.generate(settings(prompt="spinning"), first_frame=picture))[-1]
    frames = done.items[0].frames
    if max(size) <= 512:
        assert np.array_equal(frames[0], picture.pixels)
    assert max(frames.shape[1:3]) <= 512 and frames.shape[1] * size[0] == pytest.approx(
        frames.shape[2] * size[1], rel=0.05
    )
    assert not np.array_equal(frames[0], frames[2])


def test_a_clip_ends_with_the_last_frame(pipeline):
    first, last = any_picture(64, 64, 1), any_picture(64, 64, 2)
    frames = ended(pipeline.generate(settings(prompt="moving", loop=False), first, last))[-1].items[0].frames
    want = Canvas(last, 64).signal
    got = Canvas(Picture(frames[-1]), 64).signal
    assert (want - got).abs().max() < 0.02
    with pytest.raises(SettingsError, match="loop: .*turn the loop off"):
        next(pipeline.generate(settings(loop=True), None, last))


def test_nothing_to_show_is_refused(pipeline):
    with pytest.raises(SettingsError, match="prompt: 'spin fast' says how to move but not what to show"):
        ended(pipeline.generate(settings(prompt="spin fast")))
    clear = Picture(np.zeros((8, 8, 4), np.uint8))
    with pytest.raises(MediaError, match="first_frame: every pixel is transparent"):
        next(pipeline.generate(settings(), clear))


def test_motion_of_nothing_holds_the_picture_still_in_what_the_network_is_shown(pipeline):
    events = pipeline.generate(settings(amount=0.0), first_frame=any_picture(64, 64))
    shown = next(each for each in events if isinstance(each, Preview)).items[0].frames
    assert (shown == shown[0]).all()


def test_a_loop_is_the_same_wherever_it_is_turned():
    model = random_video()
    score = perform([Move("sway", cycles=1)], 8, 8.0, loop=True)
    condition = model.shown(model.summary(["x"]), performed(torch.rand(4, 64, 64), score)[None], [score])
    x, level = noise((4, 8, 64, 64), [1]), torch.tensor([0.6])
    plain = along(model, condition, loop=False)(x, level, Call(0, 0, 0.6))
    assert torch.allclose(along(model, condition, loop=True)(x, level, Call(0, 0, 0.6)), plain, atol=1e-5)
    turned = along(model, condition, loop=True)(x, level, Call(1, 0, 0.6))
    places = (torch.arange(8) + 5) % 8
    want = model.velocity(x[:, :, places], level, condition.frames(places))
    assert torch.allclose(turned[:, :, places], want, atol=1e-5)


def edit(**changes):
    return VideoEditSettings(**{
        "source_prompt": "red heart", "prompt": "blue heart", "steps": 2, "seed": 5, **changes
    })  # fmt: skip


@pytest.mark.parametrize("method", ["flowedit", "rf-edit", "magicmix", "sdedit"])
def test_every_method_edits_at_the_clips_size(pipeline, method):
    clip = any_clip()
    done = ended(pipeline.edit(edit(method=method), clip))[-1]
    made = done.items[0]
    assert made.frames.shape == clip.frames.shape and made.rate == clip.rate
    assert not np.array_equal(made.frames, clip.frames)


def test_an_edit_between_equal_descriptions_changes_no_bit(pipeline):
    clip = any_clip()
    for method in ("flowedit", "rf-edit"):
        done = ended(pipeline.edit(edit(prompt="red heart", method=method), clip))[-1]
        assert np.array_equal(done.items[0].frames, clip.frames), method


def test_words_may_ask_for_another_motion(pipeline):
    asked = edit(source_prompt="red heart", prompt="red heart, jumping")
    events = ended(pipeline.edit(asked, any_clip(width=64, height=64)))
    assert any(isinstance(each, Note) and "jump" in each.text for each in events)
    shown = next(each for each in events if isinstance(each, Preview)).items[0].frames
    kept = next(each for each in pipeline.edit(edit(), any_clip(width=64, height=64)) if isinstance(each, Preview))
    assert not np.array_equal(shown, kept.items[0].frames)


def test_nothing_outside_a_mask_changes_even_where_it_moves(pipeline):
    clip = any_clip(frames=5)
    left, right = np.zeros((16, 20), np.float32), np.zeros((16, 20), np.float32)
    left[2:14, :8], right[2:14, 12:] = 1, 1
    done = ended(pipeline.edit(edit(), clip, [(0, Mask(left)), (4, Mask(right))]))[-1]
    inside = painted([(0, Mask(left)), (4, Mask(right))], clip)[:, 0].numpy() > 0
    assert np.array_equal(done.items[0].frames[~inside], clip.frames[~inside])
    assert not np.array_equal(done.items[0].frames[inside], clip.frames[inside])


def test_a_painted_shape_passes_from_key_to_key():
    clip = any_clip(frames=5, width=40, height=40)
    keys = []
    for frame, place in ((0, 5), (4, 13)):
        shape = np.zeros((40, 40), np.float32)
        shape[10:30, place : place + 16] = 1
        keys.append((frame, Mask(shape)))
    found = painted(keys, clip)[:, 0].numpy()
    assert np.array_equal(found[0], keys[0][1].weights) and np.array_equal(found[4], keys[1][1].weights)
    middle = np.nonzero(found[2].any(0))[0]
    assert 5 < middle.min() < 13 and 20 < middle.max() < 29
    still = painted(keys[0][1], clip)
    assert (still[3] == still[0]).all()


@pytest.mark.parametrize(
    "mask, message",
    [
        (Mask(np.ones((4, 4), np.float32)), r"mask: is \(4, 4\) pixels, the clip is \(20, 16\)"),
        ([(9, Mask(np.ones((16, 20), np.float32)))], "mask: is painted on frame 9, the clip has frames 0 to 5"),
        ([], "mask: is painted on no frame"),
    ],
)
def test_masks_that_do_not_fit_are_refused(pipeline, mask, message):
    with pytest.raises(MediaError, match=message):
        next(pipeline.edit(edit(), any_clip(), mask))


def test_clips_that_cannot_be_edited_are_refused(pipeline):
    clip = any_clip()
    with pytest.raises(MediaError, match=f"clip: has {MAX_FRAMES + 1} frames, at most {MAX_FRAMES}"):
        next(pipeline.edit(edit(), Clip(np.zeros((MAX_FRAMES + 1, 4, 4, 4), np.uint8), 8.0)))
    clear = replace(clip, frames=np.zeros_like(clip.frames))
    with pytest.raises(MediaError, match="clip: every pixel of every frame is transparent"):
        next(pipeline.edit(edit(), clear))
    with pytest.raises(MediaError, match="clip: its last frame is transparent"):
        next(pipeline.extend(VideoExtendSettings(prompt="spinning"), clear))


def test_a_clip_goes_on_piece_by_piece(pipeline):
    clip = any_clip()
    asked = VideoExtendSettings(prompt="spinning", seconds=2, steps=4, seed=3, changes="1: jumping")
    events = ended(pipeline.extend(asked, clip))
    pieces = [each.item for each in events if isinstance(each, Piece)]
    whole = events[-1].items[0]
    assert len(whole.frames) == 6 + 16 and whole.rate == clip.rate
    assert np.array_equal(whole.frames[:6], clip.frames)
    assert np.array_equal(whole.frames[6:], np.concatenate([piece.frames for piece in pieces]))
    notes = [each.text for each in events if isinstance(each, Note)]
    assert any("spin" in note for note in notes) and any("After" in note and "jump" in note for note in notes)


def test_a_stream_is_steered_while_it_runs(pipeline):
    asked_at = []

    def steer(seconds):
        asked_at.append(seconds)
        return "jumping" if seconds and len(asked_at) == PARTS + 1 else None

    asked = VideoExtendSettings(prompt="spinning", seconds=1.5, steps=4, seed=3)
    steered = ended(pipeline.extend(asked, any_clip(), steer))[-1].items[0].frames
    plain = ended(pipeline.extend(asked, any_clip()))[-1].items[0].frames
    # What is final stays; the change is seen in the next piece.
    first = 6 + PART
    assert np.array_equal(steered[:first], plain[:first]) and not np.array_equal(steered[first:], plain[first:])


def buffer_of(model, parts, part, steps=4):
    torch.manual_seed  # noqa: B018 (randomness comes with the seed below)
    motion = Motion("", 1.0, (Move("sway"),))
    scene = Scene(noise((4, 64, 64), [8])[0].clamp(-1, 1), motion, model.summary(["x"]), 0)
    grid = sigma_grid(steps, start=1.0, end=CLAMP)
    done = noise((4, CONTEXT, 64, 64), [9]).clamp(-1, 1)
    return Buffer(model, 8.0, grid, 11, [scene], done, parts=parts, part=part)


def test_a_stream_of_one_part_equals_the_offline_sampler():
    model = random_video()
    stream = buffer_of(model, parts=1, part=6)
    start = stream._fresh(0)
    condition = stream.model.shown(stream.scenes[0].summary, *[
        (moving, [score]) for moving, score in [stream._performance(-CONTEXT, CONTEXT + 6)]
    ][0])  # fmt: skip
    streamed = stream.round()
    known = torch.arange(CONTEXT + 6) < CONTEXT
    x = torch.cat([buffer_of(model, 1, 6).done, start], dim=2)
    from pipelines.flow.filling import filling

    velocity = filling(along(model, condition, loop=False), x, known)
    for step in solve(velocity, x, stream.grid, EULER):
        clean = step.clean
    offline = settled(clean[:, :, CONTEXT:].float(), condition.reference[:, :4, CONTEXT:])
    assert torch.allclose(streamed, offline, atol=1e-5)


def test_of_what_a_network_changes_only_what_hangs_together_counts():
    moving = torch.zeros(1, 4, 3, 16, 16)
    made = moving + 0.04 * torch.randn(moving.shape, generator=torch.Generator().manual_seed(0))  # blotches
    made[:, :, 1, 4:12, 4:12] = 1.0
    found = settled(made, moving)
    assert torch.equal(found[:, :, [0, 2]], moving[:, :, [0, 2]])
    assert torch.allclose(found[:, :, 1, 6:10, 6:10], torch.tensor(0.5)) and not found[:, :, 1, :2].any()
    known = torch.tensor([True, False, False])
    kept = settled(made, moving, known)
    assert torch.equal(kept[:, :, 0], made[:, :, 0]) and torch.equal(kept[:, :, 1:], found[:, :, 1:])


def test_a_stream_holds_no_more_at_its_end_than_at_its_beginning():
    stream = buffer_of(random_video(), parts=PARTS, part=PART)
    sizes = []
    for _ in range(PARTS + 6):
        stream.round()
        sizes.append((stream.done.shape[2], len(stream.noisy), len(stream.scenes)))
    assert set(sizes[PARTS:]) == {(CONTEXT, PARTS - 1, 1)} and stream.made == 7 * PART


def test_the_parts_of_a_stream_walk_one_schedule():
    stream = buffer_of(random_video(), parts=PARTS, part=PART, steps=8)
    stream.noisy = [stream.done[:, :, :PART]] * PARTS
    levels = stream._levels(CONTEXT)
    assert levels.shape == (3, CONTEXT + PARTS * PART) and (levels[:, :CONTEXT] == 0).all()
    ends = levels[-1, CONTEXT::PART], levels[0, CONTEXT::PART]
    assert torch.equal(ends[0][1:], ends[1][:-1]) and ends[0][0] == CLAMP and ends[1][-1] == 1


def test_given_frames_stay_and_the_round_trip_is_exact():
    model = random_video()
    score = perform([Move("nod")], 6, 8.0, loop=False)
    condition = model.shown(model.summary(["x"]), performed(torch.rand(4, 64, 64), score)[None], [score])
    clip = on_canvas(any_clip(width=64, height=64), 64)
    known = torch.tensor([True, False, False, True, False, False])
    *_, step = fill(along(model, condition, False), clip, known, sigma_grid(3, end=CLAMP), EULER, [4])
    assert torch.equal(step.clean[:, :, known], clip[:, :, known])
    assert not torch.allclose(step.clean[:, :, ~known], clip[:, :, ~known], atol=0.01)
    up = sigma_grid(8, start=CLAMP, end=1.0)
    velocity = conditioned(model, condition)
    *_, there = invert(velocity, clip, up, ALF)
    *_, back = solve(velocity, there.state, up.flip(0), ALF)
    assert torch.allclose(back.state.value.float(), clip, atol=1e-7)
    *_, again = invert(velocity, back.state, up, ALF)
    assert torch.equal(again.state.x, there.state.x)


def test_one_noise_serves_all_frames():
    e = one_noise((4, 5, 8, 8), [1, 2])
    assert e.shape == (2, 4, 5, 8, 8) and (e == e[:, :, :1]).all() and not torch.equal(e[0], e[1])


def test_long_clips_are_read_through_a_window():
    model = random_video(grid=(4, 8, 8))
    score = perform([Move("sway")], 9, 8.0, loop=False)
    condition = model.shown(model.summary(["x"]), performed(torch.rand(4, 64, 64), score)[None], [score])
    x = noise((4, 9, 64, 64), [3])
    far = x.clone()
    far[:, :, 8] += 1
    level = torch.tensor([0.5])
    near = (model.velocity(x, level, condition) - model.velocity(far, level, condition)).abs().amax((0, 1, 3, 4))
    # Two layers of a window of 4 frames see 6 frames far.
    assert (near[:2] == 0).all() and (near[5:] > 0).all()


def test_values_are_shared_over_all_frames(pipeline):
    model = pipeline.model
    score = perform([Move("sway")], 3, 8.0, loop=False)
    condition = model.shown(model.summary(["x"]), performed(torch.rand(4, 64, 64), score)[None], [score])
    seen = []
    x = noise((4, 3, 64, 64), [3])
    model.velocity(x, torch.tensor([0.5]), condition, lambda site, values: seen.append(values.shape) or values)
    assert seen == [model.value_shape(x)] * TINY_VIDEO.depth and model.value_shape(x) == (1, 3 * 64, TINY_VIDEO.dim)
    plan = EditPlan(model, condition, condition)
    assert plan.model.join([condition, condition]).score.shape[0] == 2


def test_a_model_without_files_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr("pipelines.models.registry.assets", lambda: tmp_path)
    with pytest.raises(ModelError, match="no starter in 'video-starter'"):
        VideoPipeline.load()
    with pytest.raises(ModelError, match="unknown video model 'other'"):
        registry.load("video", "other")


def test_a_timeline_is_read_in_order():
    asked = VideoExtendSettings(prompt="spinning", changes="3: nodding\n\n 1.5s: a cat, jumping \n")
    assert asked.timeline == ((0.0, "spinning"), (1.5, "a cat, jumping"), (3.0, "nodding"))
    with pytest.raises(SettingsError, match="changes: a line is 'seconds: prompt'.*got 'later'"):
        VideoExtendSettings(prompt="spinning", changes="later")
