"""What the draft of the mesh starter learns from: objects in several files, errors beside how much of each there is."""

import numpy as np
import pytest
import torch

from pipelines.models.basis import Basis
from pipelines.models.shapes import MEASURES, PARTS
from pipelines.training.drafting import COLOUR, SHAPE, DraftObjective, Lessons, numbers_of, told_of

CELLS = 64


class Silent(torch.nn.Module):
    """A draft that says zero of everything."""

    def parts(self, told):
        count = len(told.numbers)
        return torch.zeros(count, CELLS, SHAPE), torch.zeros(count, CELLS, PARTS, COLOUR)


def lessons(volume):
    files = tuple(
        np.full((count, SHAPE + PARTS * COLOUR, CELLS), first, np.float16) for first, count in ((1.0, 3), (2.0, 2))
    )
    return Lessons(np.ones((5, 9), np.int64), np.ones((5, MEASURES, 2), np.float32), volume, files)


def test_objects_of_two_files_are_one_row_after_the_other():
    found = lessons(np.full(5, 0.1, np.float32)).numbers(np.array([4, 0, 3, 2]))
    assert found[:, 0, 0].tolist() == [2, 1, 2, 1]


def test_an_error_weighs_by_the_root_of_how_little_there_is_of_an_object():
    volume = np.array([0.04, 0.01, 0.04, 0.04, 0.04], np.float32)
    objective = DraftObjective(lessons(volume), np.arange(5), torch.ones(SHAPE + 3 * COLOUR))
    told = told_of(np.ones((1, 9), np.int64), np.ones((1, MEASURES, 2), np.float32))
    thick, thin = (objective.error(Silent(), np.array([row]), told).item() for row in (0, 1))
    assert thin == pytest.approx(2 * thick, rel=1e-5)


def test_numbers_of_an_object_are_those_of_its_fields():
    basis = Basis(SHAPE, COLOUR)
    axis = np.arange(48, dtype=np.float32) - 23.5
    distance = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None] ** 2) - 15
    found = numbers_of(basis, distance, np.ones((48, 48, 48), np.uint8))
    whole = basis.numbers(torch.from_numpy(np.stack([np.clip(distance / 2, -1, 1)] * 4))[None])
    assert np.allclose(found[:SHAPE], whole[0, :SHAPE].flatten(1).numpy(), atol=2e-3)
    second = found[SHAPE + COLOUR : SHAPE + 2 * COLOUR]  # all of it is the second part
    assert np.abs(second).max() == 1 and not found[SHAPE : SHAPE + COLOUR].any()
