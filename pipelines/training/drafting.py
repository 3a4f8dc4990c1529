"""What the mesh starter begins from: the basis of its cells, objects written in it, and the draft trained on them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mesh import BAND, NEAR, SIZE, places
from pipelines.codecs.rendering import EXTENT
from pipelines.models.basis import CELL, FAR, Basis, windows
from pipelines.models.draft import Draft
from pipelines.models.mesh import PIXELS, MeshConfig, MeshNetwork, Told
from pipelines.models.objects.drawing import draw
from pipelines.models.shapes import NAMES, PARTS, Recipe
from pipelines.training.data.object_set import VIEWS, ObjectSet
from pipelines.training.objectives import half_where_fast
from pipelines.training.trainer import Trainer, TrainSettings

SHAPE, COLOUR = 320, 20
MESH = MeshConfig(
    BackboneConfig(
        channels=SHAPE + 3 * COLOUR, grid=(SIZE // CELL,) * 3, patch=(1, 1, 1), overlap=False, dim=256, depth=4,
        heads=4, bottleneck=192,
    ),
    SHAPE, COLOUR, tuple(tuple(float(v) for v in view.rotation().reshape(-1)) for view in VIEWS), EXTENT,
)  # fmt: skip
DRAFT_SETTINGS = TrainSettings(steps=5000, warmup=100, decay=0.5, muon_rate=0.0, adam_rate=2e-3, ema=0.995)
DRAFT_BATCH = 64
MORE = 6000  # objects that the draft learns beside the prepared ones: it needs neither views nor meshes of them
FRESH = 2_000_000  # the first of their seeds
# Kinds of which they have more than one in a round, for they are thin or have many measures.
OFTEN = ("table", "table", "table", "table", "chair", "chair", "vase", "vase", "stool", "shelf", "tree", "sword", "key")
VAGUE = 0.1  # share of samples of which the draft is not told all
FITTED = 400  # objects that the basis is fitted to
COLOUR_WEIGHT = 0.35  # of the colours' squared errors beside the distances'


def fit_basis(basis: Basis, objects: ObjectSet, rows: np.ndarray) -> None:
    """Set ``basis`` to the principal components of what stands in ``rows``.

    Only windows that a surface runs through are looked at. A number's spread is the standard deviation to the power
    of .6: the leading numbers stay larger than the noise and are settled first, from coarse to fine.
    """
    shape, colour = [], []
    for row in rows:
        grid = objects.grid(int(row))
        near = windows(torch.from_numpy(np.clip(grid.distance / NEAR, -1, 1))[None, None])[0, 0].flatten(0, 2)
        active = near.abs().amin(1) < FAR
        shape.append(near[active])
        told = torch.from_numpy(np.moveaxis(grid.colour / 127.5 - 1, -1, 0).astype(np.float32))
        colour.append(windows(told[None])[0].flatten(1, 3)[:, active].flatten(0, 1)[::3])
    for name, parts, centred in (("shape", shape, True), ("colour", colour, False)):
        data = torch.cat(parts)
        mean = data.mean(0) if centred else torch.zeros(data.shape[1])
        count = getattr(basis, f"{name}_axes").shape[0]
        _, values, axes = torch.svd_lowrank(data - mean, q=min(count + 16, *data.shape))
        spread = values[:count] / len(data) ** 0.5
        with torch.no_grad():
            getattr(basis, f"{name}_mean").copy_(mean.bfloat16())
            # Rounded as they will ship, so that training sees what the shipped network will.
            getattr(basis, f"{name}_axes").copy_(axes.T[:count].bfloat16())
            getattr(basis, f"{name}_spread").copy_((1.5 * spread.clamp(min=1e-3) ** 0.6).bfloat16())


def condense(basis: Basis, objects: ObjectSet, path: Path) -> np.ndarray:
    """Numbers float16 [N, SHAPE + PARTS COLOUR, cells]: of the distances, and of where each part is nearest.

    Colours are linear in the parts' shades, so they are mixed from the latter at every draw. Kept in ``path``.
    """
    shape, colour = basis.counts
    cells = (SIZE // CELL) ** 3
    held = np.load(path, mmap_mode="r") if path.exists() else np.zeros((0,), np.float16)
    if len(held) == len(objects.seeds):
        return held
    made = np.lib.format.open_memmap(
        path.with_suffix(".new.npy"), "w+", np.float16, (len(objects.seeds), shape + PARTS * colour, cells)
    )
    for row in range(len(objects.seeds)):
        known = row < len(held)
        distance = objects.distance[row].astype(np.float32) * (BAND / 127)
        made[row] = held[row] if known else numbers_of(basis, distance, objects.part[row])
    made.flush()
    path.with_suffix(".new.npy").rename(path)
    return np.load(path, mmap_mode="r")


def numbers_of(basis: Basis, distance: np.ndarray, part: np.ndarray) -> np.ndarray:
    """Numbers float16 [SHAPE + PARTS COLOUR, cells] of distances [S, S, S] in voxels and parts [S, S, S]."""
    near = np.clip(distance / NEAR, -1, 1).astype(np.float32)
    masks = (np.minimum(part, PARTS - 1)[None] == np.arange(PARTS)[:, None, None, None]).astype(np.float32)
    found = windows(torch.from_numpy(np.concatenate([near[None], masks]))[None])[0].flatten(1, 3)
    active = (found[0].abs().amin(1) < FAR)[None, :, None]
    shape = (found[0] - basis.shape_mean) @ basis.shape_axes.T / basis.shape_spread
    told = found[1:] @ basis.colour_axes.T / basis.colour_spread * active
    return torch.cat([shape, *told], dim=1).T.numpy().astype(np.float16)


@dataclass(frozen=True)
class Lessons:
    """What the draft learns: choices ``codes`` [N, 5 + FEATURES] and ``measures`` [N, MEASURES, 2] of objects, the
    ``volume`` of each as a share of the cube, and their numbers as :func:`condense` has them, in files one after the
    other.
    """

    codes: np.ndarray
    measures: np.ndarray
    volume: np.ndarray
    files: tuple[np.ndarray, ...]

    def numbers(self, rows: np.ndarray) -> np.ndarray:
        """float32 [B, SHAPE + PARTS COLOUR, cells] of the objects ``rows``."""
        found, first = np.zeros((len(rows), *self.files[0].shape[1:]), np.float32), 0
        for file in self.files:
            here = (rows >= first) & (rows < first + len(file))
            found[here] = file[rows[here] - first]
            first += len(file)
        return found


def lessons(basis: Basis, objects: ObjectSet, numbers: np.ndarray, folder: Path, more: int = MORE) -> Lessons:
    """``objects`` and ``more`` that are drawn for it, once, into ``folder``."""
    told = folder / "more-told.npz"
    if not told.exists():
        _draw_more(basis, folder, numbers.shape[1:], more)
    volume = np.array([(distance < 0).mean() for distance in objects.distance], np.float32)
    with np.load(told, allow_pickle=False) as held:
        return Lessons(
            np.concatenate([objects.numbers, held["codes"]]), np.concatenate([objects.measures, held["measures"]]),
            np.concatenate([volume, held["volume"]]), (numbers, np.load(folder / "more.npy", mmap_mode="r")),
        )  # fmt: skip


def _draw_more(basis: Basis, folder: Path, shape: tuple[int, ...], count: int) -> None:
    points = places(SIZE).reshape(-1, 3)
    turn = [*NAMES, *OFTEN]
    made = np.lib.format.open_memmap(folder / "more.npy", "w+", np.float16, (count, *shape))
    codes, measures, volume = [], [], []
    for row in range(count):
        drawn = draw(Recipe(1 + NAMES.index(turn[row % len(turn)])), FRESH + row, points)
        distance = np.clip(drawn.distance * SIZE, -BAND, BAND).reshape((SIZE,) * 3)
        made[row] = numbers_of(basis, distance, drawn.part.reshape((SIZE,) * 3).astype(np.uint8))
        codes.append(drawn.recipe.numbers())
        measures.append(drawn.recipe.proportions())
        volume.append((distance < 0).mean())
    made.flush()
    np.savez(
        folder / "more-told.npz", codes=np.stack(codes), measures=np.stack(measures),
        volume=np.array(volume, np.float32),
    )  # fmt: skip


def mesh_network(config: MeshConfig = MESH, seed: int = 0) -> MeshNetwork:
    """An untrained mesh network; the same seed gives the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)  # layers draw their initial weights from the global generator; forked, so it is local
        return MeshNetwork(config)


def error_weights(basis: Basis) -> Tensor:
    """Factors [K] on the errors of numbers, of root mean square 1: between equal and as they weigh in voxels."""
    shape, _ = basis.counts
    weights = basis.spread.clone() ** 0.75
    weights[shape:] *= COLOUR_WEIGHT
    return weights / weights.square().mean().sqrt()


@dataclass(frozen=True)
class Ready:
    """Objects, their numbers, the rows to train on, and the weights [K] of errors."""

    objects: ObjectSet
    numbers: np.ndarray
    rows: np.ndarray
    weights: Tensor


def ready(data: Path, run: Path, seed: int, config: MeshConfig) -> tuple[MeshNetwork, Ready]:
    """An untrained network with its basis; that is fitted, and the objects are condensed, once, into ``run``."""
    network = mesh_network(config, seed)
    objects = ObjectSet.load(data)
    rows = objects.rows(held_out=False)
    run.mkdir(parents=True, exist_ok=True)
    kept = run / "basis.npz"
    if kept.exists():
        with np.load(kept, allow_pickle=False) as held:
            network.basis.load_state_dict({name: torch.from_numpy(held[name]) for name in held.files})
    else:
        fit_basis(network.basis, objects, rows[:FITTED])
        np.savez(kept, **{name: value.numpy() for name, value in network.basis.state_dict().items()})
    numbers = condense(network.basis, objects, run / "numbers.npy")
    return network, Ready(objects, numbers, rows, error_weights(network.basis))


@dataclass(frozen=True)
class DraftObjective:
    """Squared error of the draft on objects, numbers of the shape and places of the parts, beside how much there is."""

    lessons: Lessons
    rows: np.ndarray
    weights: Tensor  # [K] on the errors of numbers
    batch: int = DRAFT_BATCH
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed + 1, step))
        rows = self.rows[rng.integers(len(self.rows), size=self.batch)]
        codes, measures = self.lessons.codes[rows].copy(), self.lessons.measures[rows].copy()
        for place in np.flatnonzero(rng.random(len(rows)) < VAGUE):
            rate = rng.random()
            codes[place, 1:][rng.random(codes.shape[1] - 1) < rate] = 0
            measures[place][rng.random(measures.shape[1]) < rate] = 0
            codes[place, 0] *= rng.random() > 0.2
        return self.error(model, rows, told_of(codes, measures))

    def error(self, model: nn.Module, rows: np.ndarray, told: Told) -> Tensor:
        """Mean loss on the objects ``rows``; an error weighs more in one that is small or thin."""
        wanted = torch.from_numpy(self.lessons.numbers(rows)).transpose(1, 2)
        with half_where_fast():
            shape, places = model.parts(told)  # type: ignore[operator]
        count = shape.shape[-1]
        away = (shape.float() - wanted[..., :count]) * self.weights[:count]
        # Three channels of shades that are independent between parts, each of variance about .4.
        put = (places.float() - wanted[..., count:].unflatten(-1, (PARTS, -1))) * self.weights[count : count + COLOUR]
        usual = float(np.sqrt(np.mean(self.lessons.volume)))
        scale = torch.from_numpy((usual / np.sqrt(self.lessons.volume[rows])).clip(0.5, 3.0))
        each = away.square().sum((1, 2)) + 1.2 * put.square().sum((1, 2, 3))
        return (each * scale).mean() / (away.shape[1] * len(self.weights))


def told_of(codes: np.ndarray, measures: np.ndarray) -> Told:
    """What is told without colours and pictures: choices [B, 5 + FEATURES] and measures [B, MEASURES, 2]."""
    blank = torch.zeros(len(codes), 4, PIXELS, PIXELS)
    return Told(
        torch.from_numpy(codes), torch.zeros(len(codes), PARTS, 4), torch.from_numpy(measures), blank,
        torch.zeros(len(codes), dtype=torch.int64),
    )  # fmt: skip


def draft(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Draft]:
    """The draft that the mesh starter begins from, on the same objects; minutes."""
    settings = DRAFT_SETTINGS.lasting(steps)
    network, held = ready(data, run.with_name("mesh"), settings.seed, MESH)
    run.mkdir(parents=True, exist_ok=True)
    taught = lessons(network.basis, held.objects, held.numbers, run)
    rows = np.concatenate([held.rows, np.arange(len(held.objects.seeds), len(taught.codes))])
    objective = DraftObjective(taught, rows, held.weights, seed=settings.seed)
    return Trainer(network.draft, objective, settings, run), network.draft
