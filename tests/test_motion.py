"""Words of motion, the scores they make, and scores that are read off clips."""

import math

import numpy as np
import pytest
import torch
from video_starters import random_video

from pipelines.models.motion import LATTICE, Score, dense, moved, performed, shrunk
from pipelines.models.motions import MotionBank
from pipelines.models.tracking import track
from pipelines.models.verbs import BASE, INFLECTED, VERBS, Move, forms, heard, perform, room


def blob(x=0.0, y=0.0, size=64):
    """A soft coloured spot at (x, y) on a clear picture, [4, size, size] in [0, 1]."""
    axis = (torch.arange(size) + 0.5) * 2 / size - 1
    far = (axis[None] - x) ** 2 + 2 * (axis[:, None] - y) ** 2 + 0.4 * (axis[None] - x) * (axis[:, None] - y)
    alpha = torch.exp(-far / 0.06)
    return torch.stack([alpha, 0.5 * alpha, 0.2 * alpha, alpha])


def centre(picture):
    """(x, y) of the middle of what is seen of [4, H, W]."""
    axis = (torch.arange(picture.shape[-1]) + 0.5) * 2 / picture.shape[-1] - 1
    weight = picture[3] / picture[3].sum()
    return float((weight.sum(0) * axis).sum()), float((weight.sum(1) * axis).sum())


@pytest.mark.parametrize(
    "prompt, content, verbs",
    [
        ("a grinning face, nodding", "a grinning face", ["nod"]),
        ("a red heart, beating fast", "a red heart", ["beat"]),
        ("a bouncing ball", "a ball", ["bounce"]),
        ("spin fast", "", ["spin"]),
        ("a cat that jumps", "a cat", ["jump"]),
        ("rocket flying up slowly", "rocket", ["rise"]),
        ("nodding its head gently", "", ["nod"]),
        ("a ghost floating on a lake", "a ghost on a lake", ["float"]),
        ("a robot, dancing and waving", "a robot", ["dance", "wave"]),
        ("tiger", "tiger", []),
        ("a car driving to the left", "a car", ["slide"]),
    ],
)
def test_a_prompt_is_parted_into_what_to_show_and_how_it_moves(prompt, content, verbs):
    found = heard(prompt)
    assert (found.content, [move.verb for move in found.moves]) == (content, verbs)


def test_a_name_keeps_its_verbs():
    assert heard("rolling on the floor laughing").moves
    assert heard("rolling on the floor laughing", lambda text: True) == ("rolling on the floor laughing", ())
    model = random_video()
    assert model.pictures.bank is None  # without a bank of pictures no name is known


@pytest.mark.parametrize(
    "prompt, expected",
    [
        ("spins quickly", Move("spin", speed=2.0)),
        ("spins counterclockwise", Move("spin", side=-1.0)),
        ("nods twice", Move("nod", cycles=2)),
        ("wobbles 3 times", Move("wobble", cycles=3)),
        ("sways gently to the left", Move("sway", amount=0.5, side=-1.0)),
        ("slides down", Move("fall")),
    ],
)
def test_adverbs_say_how(prompt, expected):
    assert heard(prompt).moves == (expected,)


def test_every_verb_has_its_words_and_no_other_verbs():
    assert {key for key in VERBS} == set(BASE.values()) == set(INFLECTED.values()) and len(VERBS) >= 20
    assert forms("nod") == ("nods", "nodding") and forms("fly") == ("flies", "flying")
    assert forms("shake") == ("shakes", "shaking") and forms("stretch") == ("stretches", "stretching")
    assert 0.5 < room([Move("jump")]) < 1 == room([Move("spin")])


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_begins_at_rest_and_moves(verb):
    score = perform([Move(verb)], 17, 10.0, loop=False)
    assert score.field.shape == (17, 2, LATTICE, LATTICE) and torch.isfinite(score.field).all()
    assert score.field[0].abs().max() < 1e-4 and score.opacity[0] == 1
    assert score.field.abs().max() > 0.01 or verb in {"fade", "flash", "still"}


def test_a_cycle_ends_where_it_began():
    for verb in VERBS:
        score = perform([Move(verb, cycles=2)], 32, 10.0, loop=True)
        assert torch.allclose(score.field[0], score.field[16], atol=1e-4), verb
        assert torch.allclose(score.opacity[0], score.opacity[16], atol=1e-5), verb


def test_directions_are_those_of_the_words():
    def after(prompt, frames=9):
        score = perform(heard(prompt).moves, frames, 10.0, loop=False)
        return [centre(each) for each in moved(blob(), score.field, score.opacity)[:3]]

    assert after("slides right")[2][0] > 0.2 > -0.2 > after("slides left")[2][0]
    assert after("falls")[2][1] > 0.2 > -0.2 > after("rises")[2][1]
    assert after("jumps")[0] == pytest.approx((0, 0), abs=0.02)


def test_spinning_turns_clockwise_by_the_share_of_the_time():
    score = perform([Move("spin", cycles=1)], 8, 10.0, loop=True)
    seen = moved(blob(0.5, 0.0), score.field)
    for frame, each in enumerate(seen):
        x, y = centre(each)
        assert math.hypot(x, y) == pytest.approx(0.5, abs=0.03)
        angle = math.atan2(y, x) % math.tau  # y is down, so a growing angle is clockwise
        assert angle == pytest.approx(math.tau * frame / 8, abs=0.06) or frame == 0


def test_a_still_score_changes_nothing_and_amounts_scale():
    picture = torch.rand(4, 64, 64)
    picture[:3] *= picture[3:]
    assert torch.allclose(moved(picture, Score.still(3).field), picture.expand(3, -1, -1, -1), atol=1e-4)
    score = perform([Move("slide")], 4, 10.0, loop=False)
    assert torch.equal(score.scaled(0).field, torch.zeros_like(score.field)) and (score.scaled(0).opacity == 1).all()
    assert torch.allclose(score.scaled(0.5).field, score.field / 2)


def test_scores_are_resampled_joined_and_read_by_tokens():
    score = perform([Move("sway", cycles=1)], 8, 8.0, loop=True)
    back = score.resampled(torch.arange(8) + 8.0, loop=True)
    assert torch.allclose(back.field, score.field)
    between = score.resampled(torch.tensor([0.5]), loop=True)
    assert torch.allclose(between.field[0], (score.field[0] + score.field[1]) / 2)
    assert score.then(score).frames == 16
    channels = score.channels((8, 8))
    assert channels.shape == (8, 8, 8, 6) and (channels[..., 5] == 1).all() and (channels[..., 4] == 1).all()
    assert torch.allclose(channels[..., :2].permute(0, 3, 1, 2), dense(score.field, (8, 8)))
    assert torch.allclose(channels[0, ..., 2:4], channels[1, ..., :2] - channels[0, ..., :2])


def test_a_known_motion_is_read_off_a_clip():
    score = perform([Move("sway", amount=1.5), Move("pulse")], 8, 8.0, loop=True)
    picture = sum(blob(x, y) for x, y in ((-0.4, -0.3), (0.4, 0.1), (0.0, 0.5))).clamp(0, 1)
    clip = moved(picture, score.field)
    found = track(clip)
    still = (clip - clip[:1]).square().mean().sqrt()
    left = (clip - moved(clip[0], found.field)).square().mean().sqrt()
    assert left < 0.35 * still
    assert torch.equal(found.field[0], torch.zeros_like(found.field[0]))


def test_tracking_can_start_at_any_frame():
    clip = torch.stack([blob(0.02 * frame, 0.0) for frame in range(6)])
    found = track(clip, key=5)
    assert not found.field[5].any()
    x = centre(moved(clip[5], found.field)[0])[0]
    assert x == pytest.approx(0.0, abs=0.04)


def test_the_bank_of_motions_keeps_what_it_was_given(tmp_path):
    first, second = (perform([Move(verb, cycles=1)], 24, 8.0, loop=True).field.numpy() for verb in ("sway", "slide"))
    MotionBank.save([("grinning face", ["happy"]), ("rocket", ["space"])], np.stack([first, second]), tmp_path)
    bank = MotionBank.load(tmp_path)
    found = bank.look_up("a grinning face")
    assert found.name == "grinning face" and found.fit > 0.9
    assert np.abs(found.score.field.numpy() - first).max() <= 0.0051
    far = bank.look_up("rocket").score.field.numpy()
    assert np.abs(far - np.clip(second, -1.27, 1.27)).max() <= 0.0051
    assert bank.look_up("xyzzy") is None


def test_room_and_performance():
    picture = torch.ones(4, 64, 64)
    small = shrunk(picture, 0.5)
    assert small.sum() == pytest.approx(4 * 32 * 32, rel=0.01) and small.shape == picture.shape
    assert shrunk(picture, 1.0) is picture
    assert performed(torch.zeros(4, 64, 64), Score.still(5)).shape == (4, 5, 64, 64)


def test_a_motion_without_an_end_is_the_same_in_parts():
    whole = perform([Move("jump"), Move("sway", side=-1.0)], 12, 8.0, loop=False, start=0.0)
    parts = [
        perform([Move("jump"), Move("sway", side=-1.0)], 4, 8.0, loop=False, start=second) for second in (0, 0.5, 1)
    ]
    assert torch.allclose(parts[0].then(parts[1]).then(parts[2]).field, whole.field, atol=1e-5)
    assert not torch.equal(
        perform([Move("nod", cycles=3)], 8, 8.0, loop=False).field,
        perform([Move("nod", cycles=3)], 8, 8.0, loop=False, start=0.0).field,
    )
