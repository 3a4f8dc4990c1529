"""What the frames of a face that talks say together: its picture without the mouth, and what in one is the mouth's."""

import numpy as np
import torch
from lipsync.test_drafts import GROUND, INK, face, oval

from pipelines.lipsync.faces import Face
from pipelines.lipsync.painting import Painter
from pipelines.lipsync.plates import bared, plate_of
from pipelines.models.mouth_draft import manner_of, places

SIDE = 120
SHADE = 0.75  # of the light that is left in a shadow


def talking(high, wide=0.9):
    """A face [3, SIDE, SIDE] whose mouth casts a shadow down and to the right, and the same without both."""
    mouth = oval(SIDE, high, wide)
    shadow = torch.roll(mouth, (14, 11), (0, 1))
    bare = face(SIDE, torch.zeros_like(mouth), 0.45)[0]
    picture = torch.where(shadow, (bare + 1) * SHADE - 1, bare)
    return torch.where(mouth, torch.tensor(INK)[:, None, None], picture), bare


def looks(*mouths):
    cuts = [talking(*mouth)[0] for mouth in mouths]
    return cuts, [manner_of(each[None]) for each in cuts]


def test_shadows_and_what_was_behind_a_mouth_are_known_once_other_frames_have_shown_them():
    cuts, manners = looks((0.08, 0.9), (0.5, 0.3), (0.3, 0.8), (0.12, 0.5), (0.06, 0.15))
    bare = talking(0.1)[1]
    plate = plate_of(cuts)
    wrong = [
        [
            ((each - bare).abs().amax(0) > 0.1).sum()
            for each in (manner.under[0], bared(manner, one[None], plate).under[0])
        ]
        for one, manner in zip(cuts, manners, strict=True)
    ]
    alone, together = torch.tensor(wrong).T
    assert (together <= alone).all() and together.sum() < 0.4 * alone.sum()
    assert alone.max() > 140  # pixels: what one frame alone does not tell


def test_one_picture_says_nothing_and_more_windows_add_to_one():
    cuts, _ = looks((0.1, 0.9), (0.1, 0.9), (0.3, 0.6), (0.5, 0.3))
    assert not plate_of(cuts[:2]).ready
    first = plate_of(cuts[:3])
    assert len(first.looks) == 2
    assert plate_of(cuts[:3], first) is first
    assert len(plate_of(cuts[3:], first).looks) == 3
    assert plate_of([], first) is first


def test_a_face_that_has_turned_is_not_laid_over_by_what_it_was():
    cuts, _ = looks((0.1, 0.9), (0.3, 0.6))
    plate = plate_of(cuts)
    turned = torch.roll(cuts[0], 12, 1) * 0.7
    manner = manner_of(turned[None])
    assert bared(manner, turned[None], plate) is manner
    assert not plate_of([turned], plate).ready


def test_a_face_keeps_its_plate_from_window_to_window():
    def frame(high):
        pixels = ((talking(high)[0].permute(1, 2, 0).numpy() + 1) * 127.5).astype(np.uint8)
        return np.dstack([pixels, np.full((SIDE, SIDE), 255, np.uint8)])

    here, model = Face(SIDE / 2, SIDE / 2, SIDE / 2.4), Painter.__new__(Painter)
    model._pens, model._plates = {}, {}
    one, two = frame(0.1), frame(0.4)
    first = model.held(0, [one] * 3, [here] * 3)
    assert not any(face.plate.ready for face in first)
    (second,) = model.held(0, [two], [here])
    assert second.plate.ready and second.pen == first[0].pen
    assert model.held(0, [one], [here])[0].plate is second.plate
    assert not model.held(1, [one], [here])[0].plate.ready


def test_the_ground_under_a_chin_stays_the_ground():
    cuts, manners = looks((0.08, 0.9), (0.5, 0.3), (0.3, 0.8))
    _, v = places(SIDE)
    below = v > 0.5
    for one, manner in zip(cuts, manners, strict=True):
        under = bared(manner, one[None], plate_of(cuts)).under[0]
        near = ((under - torch.tensor(GROUND)[:, None, None]).abs().amax(0) < 0.1)[below]
        assert near.float().mean() > 0.99
