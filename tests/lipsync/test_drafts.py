"""What is drawn before the network paints: the old mouth goes, what is no mouth stays, lines keep their thickness."""

import numpy as np
import pytest
import torch

from pipelines.lipsync.blinking import covered, drawn_eye
from pipelines.lipsync.painting import pen_of
from pipelines.models.mouth_draft import ROOM, draft, filled, manner_of, places, sketch

SKIN, GROUND, INK = (0.6, 0.1, -0.2), (-0.4, 0.2, 0.7), (-0.9, -0.9, -0.8)


def face(side, mouth, ground_from=0.7):
    """A picture [1, 3, side, side] of skin with the ground below a chin and ``mouth`` [side, side] in ink."""
    picture = torch.tensor(SKIN)[None, :, None, None].expand(1, 3, side, side).clone()
    _, v = places(side)
    for colour, where in ((GROUND, v > ground_from), (INK, mouth)):
        picture[0] = torch.where(where, torch.tensor(colour)[:, None, None], picture[0])
    return picture


def oval(side, high, wide=0.9):
    u, v = places(side)
    return (2 * u / wide) ** 2 + (2 * (v - 0.1) / high) ** 2 < 1


@pytest.mark.parametrize("side", [64, 150])
@pytest.mark.parametrize("high", [0.08, 0.3, 0.55])
def test_however_far_a_mouth_was_open_nothing_of_it_stays_and_the_chin_does(side, high):
    bare, source = face(side, torch.zeros(side, side, dtype=torch.bool)), face(side, oval(side, high))
    under = manner_of(source).under
    assert (source - bare).abs().max() > 0.9
    assert (under - bare).abs().max() < 0.1


def test_teeth_go_with_the_mouth_and_eyes_and_noses_stay():
    u, v = places(120)
    source = face(120, oval(120, 0.4))
    source[:, :, (v - 0.02).abs().lt(0.05) & u.abs().lt(0.25)] = 0.95
    nose, eye = (u.abs() < 0.1) & (v < -0.5) & (v > -0.8), torch.hypot(u - 0.8, v + 0.9) < 0.15
    source[:, :, nose], source[:, :, eye] = -0.5, 1.0
    under = manner_of(source).under
    assert (under[0][:, v.abs() < 0.3] - torch.tensor(SKIN)[:, None]).abs().max() < 0.1
    assert (under[0][:, nose] == -0.5).all() and (under[0][:, eye] == 1).all()


def test_the_line_of_a_mouth_that_is_shut_keeps_its_thickness_and_its_ink():
    shape = torch.tensor([[0.0, 0, 0, 0, 0.5]])
    for stroke in (0.06, 0.12, 0.2):
        drawn = sketch(shape, 160, stroke)[0, 3] > 0.5
        manner = manner_of(face(160, drawn))
        assert float(manner.stroke) == pytest.approx(stroke, abs=0.025)
        assert manner.ink[0].tolist() == pytest.approx(INK, abs=0.02)
        column = drawn[:, 80]
        assert float(column.sum()) * ROOM / 160 == pytest.approx(stroke, abs=0.02)


def test_the_pen_of_a_mouth_that_talks_is_that_of_its_thinnest_frames():
    pen = pen_of([manner_of(face(96, oval(96, high))) for high in (0.09, 0.25, 0.09, 0.45)])
    assert pen.stroke < 0.13 and pen.ink == pytest.approx(INK, abs=0.05)


def test_a_hole_is_filled_by_what_is_around_it_and_a_slope_goes_on():
    slope = torch.linspace(-1, 1, 64)[None, None, None].expand(1, 1, 64, 64)
    hole = torch.zeros(1, 1, 64, 64)
    hole[..., 24:40, 24:40] = 1
    made = filled(slope * (1 - hole), hole, 1 - hole, torch.zeros(1, 1))
    assert (made - slope).abs().max() < 0.12
    assert torch.equal(made[hole == 0], slope[hole == 0])
    nothing = filled(slope, torch.ones_like(hole), torch.zeros_like(hole), torch.full((1, 1), 0.3))
    assert torch.allclose(nothing, torch.tensor(0.3))


def test_a_draft_of_silence_over_a_shout_is_shut():
    source = face(128, oval(128, 0.5))
    colour, matte = draft(source, torch.zeros(1, 5), torch.ones(1))
    dark = (colour[0].mean(0) < -0.3).float()
    assert dark.sum(0).max() * ROOM / 128 < 0.12 and matte.max() > 0.9


def test_a_drawn_eye_shuts_under_a_lid_of_skin_and_the_brow_stays():
    frame = np.full((80, 80, 4), (200, 150, 120, 255), np.uint8)
    y, x = np.mgrid[:80, :80]
    frame[np.hypot(x - 40, y - 40) < 14, :3] = 255
    frame[np.hypot(x - 44, y - 42) < 5, :3] = 20
    frame[18:22, 20:60, :3] = 60  # a brow
    eye = drawn_eye(frame, 40, 40, 30)
    assert eye is not None
    made = covered(frame, eye, 1.0)
    assert not (made[..., :3].min(-1) > 220).any()  # no white of it is left
    assert (made[..., :3].max(-1) < 60).any()  # but a line
    assert np.array_equal(made[:24], frame[:24]) and np.array_equal(covered(frame, eye, 0.0), frame)
    half = covered(frame, eye, 0.5)
    assert half[30, 40, :3].tolist() == [200, 150, 120] and half[49, 36, :3].min() > 220
    assert drawn_eye(np.full((40, 40, 4), 255, np.uint8), 20, 20, 10) is None
