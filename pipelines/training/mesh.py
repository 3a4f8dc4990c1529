"""What trains the mesh starter: objects in new colours at every draw, told by recipe, by picture, or not at all."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mesh import BAND, NEAR, SIZE
from pipelines.codecs.rendering import EXTENT
from pipelines.errors import StudioError
from pipelines.models.basis import CELL, FAR, Basis, windows
from pipelines.models.draft import Draft
from pipelines.models.mesh import PIXELS, MeshConfig, MeshNetwork, Told
from pipelines.models.shapes import CHOICES, COLOURS, KINDS, PARTS
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.object_set import VIEWS, ObjectSet
from pipelines.training.finished import Finished, averages, millions
from pipelines.training.objectives import Density, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

SHAPE, COLOUR = 320, 20
MESH = MeshConfig(
    BackboneConfig(
        channels=SHAPE + 3 * COLOUR, grid=(SIZE // CELL,) * 3, patch=(1, 1, 1), overlap=False, dim=320, depth=5,
        heads=5, bottleneck=256,
    ),
    SHAPE, COLOUR, tuple(tuple(float(v) for v in view.rotation().reshape(-1)) for view in VIEWS), EXTENT,
)  # fmt: skip
MESH_SETTINGS = TrainSettings(steps=1200, warmup=20, decay=0.5, muon_rate=2.5e-3, adam_rate=1.5e-3, ema=0.99)
DRAFT_SETTINGS = TrainSettings(steps=2500, warmup=50, decay=0.5, muon_rate=0.0, adam_rate=3e-3, ema=0.99)
BATCH = 32
FITTED = 400  # objects that the basis is fitted to
EMPTY = 0.1  # share of samples that are told nothing, for guidance
SHOWN = 0.4  # share that are shown a picture
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
        if row < len(held):
            made[row] = held[row]
            continue
        distance = np.clip(objects.distance[row].astype(np.float32) * (BAND / 127 / NEAR), -1, 1)
        part = np.minimum(objects.part[row], PARTS - 1)
        masks = (part[None] == np.arange(PARTS)[:, None, None, None]).astype(np.float32)
        found = windows(torch.from_numpy(np.concatenate([distance[None], masks]))[None])[0].flatten(1, 3)
        near = (found[0].abs().amin(1) < FAR)[None, :, None]
        numbers = (found[0] - basis.shape_mean) @ basis.shape_axes.T / basis.shape_spread
        told = found[1:] @ basis.colour_axes.T / basis.colour_spread * near
        made[row] = torch.cat([numbers, *told], dim=1).T.numpy().astype(np.float16)
    made.flush()
    path.with_suffix(".new.npy").rename(path)
    return np.load(path, mmap_mode="r")


@dataclass(frozen=True)
class MeshObjective:
    """Velocity loss on objects; everything random is drawn from (seed, step)."""

    objects: ObjectSet
    numbers: np.ndarray
    rows: np.ndarray
    counts: tuple[int, int]
    weights: Tensor  # [K] on the errors of numbers
    density: Density
    batch: int = BATCH
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        data, told = self.draw(self.rows[rng.integers(len(self.rows), size=self.batch)], rng)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(len(data), generator)
        level = sigma.reshape(-1, 1, 1, 1, 1)
        x = (1 - level) * data + level * torch.randn(data.shape, generator=generator)
        with half_where_fast():
            estimate = model(x, sigma, told)
        scale = self.weights.reshape(1, -1, 1, 1, 1)
        return velocity_loss(estimate.float() * scale, data * scale, sigma, floor=0.1).mean()

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Told]:
        """Signals [B, K, *grid] of the objects ``rows`` in new colours, and what is told of them."""
        shape, colour = self.counts
        numbers, shades, signals = [], [], []
        actual = np.zeros((len(rows), PARTS, 3), np.float32)
        for place, row in enumerate(rows):
            actual[place], said = new_colours(self.objects.colours[row], self.objects.seeds[row] >= 0, rng)
            found = self.numbers[row].astype(np.float32)
            parts = found[shape:].reshape(PARTS, colour, -1)
            mixed = np.einsum("pc,pkn->ckn", actual[place] / 127.5 - 1, parts).reshape(3 * colour, -1)
            signals.append(np.concatenate([found[:shape], mixed]))
            numbers.append(self.objects.numbers[row].copy())
            shades.append(said)
        shown = rng.random(len(rows)) < SHOWN
        view = np.where(shown, rng.integers(1, len(VIEWS) + 1, len(rows)), 0)
        codes, tints = np.stack(numbers), np.stack(shades)
        for place in range(len(rows)):
            forget(codes[place], tints[place], bool(shown[place]), rng)
        # The library teaches pictures: it is shown and never named, so that what words make stays exact.
        only_seen = self.objects.seeds[rows] < 0
        view = np.where(only_seen, rng.integers(1, len(VIEWS) + 1, len(rows)), view)
        codes[only_seen], tints[only_seen] = 0, 0
        nothing = (rng.random(len(rows)) < EMPTY) & ~only_seen
        codes[nothing], tints[nothing], view[nothing] = 0, 0, 0
        grid = (SIZE // CELL,) * 3
        told = Told(
            torch.from_numpy(codes), torch.from_numpy(tints),
            pictures(self.objects, rows, view, actual, rng), torch.from_numpy(view),
        )  # fmt: skip
        return torch.from_numpy(np.stack(signals)).unflatten(-1, grid), told


def new_colours(held: np.ndarray, known: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Colours [PARTS, 3] of an object drawn anew, and as they are told [PARTS, 4]: by name, or as they are.

    ``held`` is what it was drawn in, which is kept a third of the time, and always where the parts are not ``known``.
    """
    names = np.array(list(COLOURS.values()), np.float32)
    told = held.astype(np.float32).copy()
    if known and rng.random() < 0.67:
        free = rng.random(PARTS) < 0.25
        told = np.where(free[:, None], rng.uniform(20, 245, (PARTS, 3)), names[rng.integers(len(names), size=PARTS)])
    actual = np.clip(told + rng.uniform(-14, 14, (PARTS, 3)), 0, 255).astype(np.float32)
    said = np.where(rng.random() < 0.5, told, actual) / 127.5 - 1
    return actual, np.concatenate([said, np.ones((PARTS, 1))], axis=1).astype(np.float32)


def forget(codes: np.ndarray, tints: np.ndarray, shown: bool, rng: np.random.Generator) -> None:
    """Leave attributes open, in place: few or many of a sentence, nearly all beside a picture, which shows them."""
    rate = float(rng.choice([0.6, 1.0, 1.0]) if shown else rng.choice([0.1, 0.4, 0.7, 1.0]))
    codes[1:][rng.random(len(codes) - 1) < rate] = 0
    tints[rng.random(len(tints)) < rate] = 0
    if shown and rng.random() < 0.15:
        codes[0] = 0


def pictures(
    objects: ObjectSet, rows: np.ndarray, view: np.ndarray, colours: np.ndarray, rng: np.random.Generator
) -> Tensor:
    """Views [B, 4, PIXELS, PIXELS] premultiplied, zeros where ``view`` is 0; a little off, as pictures are."""
    made = np.zeros((len(rows), objects.views.shape[-1], objects.views.shape[-1], 4), np.float32)
    for place in np.flatnonzero(view):
        part, light = objects.views[rows[place], view[place] - 1].astype(np.float32)
        tone = colours[place] * rng.uniform(0.85, 1.15) / 255
        lit = tone[np.clip(part - 1, 0, PARTS - 1).astype(int)] * (light / 127)[..., None] * (part > 0)[..., None]
        made[place] = np.concatenate([lit, (part > 0)[..., None]], axis=-1)
    turn = torch.zeros(len(rows), 2, 3)
    scale = torch.from_numpy(rng.uniform(0.95, 1.05, len(rows)).astype(np.float32))
    turn[:, 0, 0], turn[:, 1, 1] = scale, scale
    turn[:, :, 2] = torch.from_numpy(rng.uniform(-0.04, 0.04, (len(rows), 2)).astype(np.float32))
    where = nn.functional.affine_grid(turn, [len(rows), 4, PIXELS, PIXELS], align_corners=False)
    moved = nn.functional.grid_sample(torch.from_numpy(made).movedim(-1, 1), where, align_corners=False)
    return moved.clamp(0, 1)


@dataclass(frozen=True)
class DraftObjective:
    """Squared error of the draft on objects: numbers of the shape, places of the parts, and the parts' shades."""

    flow: MeshObjective
    batch: int = 128

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        flow = self.flow
        rng = np.random.default_rng((flow.seed + 1, step))
        rows = flow.rows[rng.integers(len(flow.rows), size=self.batch)]
        data, told = flow.draw(rows, rng)
        shape, colour = flow.counts
        where = torch.from_numpy(flow.numbers[rows][:, shape:].astype(np.float32)).transpose(1, 2)
        with half_where_fast():
            found, places, shades = model.parts(told)  # type: ignore[operator]
        whole = model.joined(found.float(), places.float(), shades.float())  # type: ignore[operator]
        scale = flow.weights.reshape(1, -1, 1, 1, 1)
        put = (places.float() - where.unflatten(-1, (PARTS, colour))).square().mean()
        return ((whole - data) * scale).square().mean() + 0.1 * put


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


def mesh(
    data: Path, run: Path, *, steps: int | None = None, compile_model: bool = True, config: MeshConfig = MESH
) -> tuple[Trainer, MeshNetwork]:
    """The mesh starter on the prepared objects in ``data``; ``run`` is the folder to train in or to resume.

    Its draft comes from the run beside it, ``draft``, which is to be trained first.

    Raises:
        StudioError: there is no such run.
    """
    settings = MESH_SETTINGS if steps is None else replace(MESH_SETTINGS, steps=steps)
    network, objective = _ready(data, run, settings.seed, config)
    drafted = run.with_name("draft")
    if not (drafted / "state.safetensors").exists():
        raise StudioError(f"{drafted}: no draft is trained; run `python -m pipelines.training train draft` first")
    network.draft.load_state_dict(averages(drafted))
    network.draft.requires_grad_(False)
    if compile_model:
        for block in network.backbone.blocks:
            block.compile(dynamic=True)
    return Trainer(network, objective, settings, run), network


def draft(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Draft]:
    """The draft that the mesh starter begins from, on the same objects; minutes."""
    settings = DRAFT_SETTINGS if steps is None else replace(DRAFT_SETTINGS, steps=steps)
    network, objective = _ready(data, run.with_name("mesh"), settings.seed, MESH)
    return Trainer(network.draft, DraftObjective(objective), settings, run), network.draft


def frames_of(objects: ObjectSet, rows: np.ndarray) -> list[list[list[float]]]:
    """Where each kind stands on the pictures of each view, on average: left, top, right, bottom as shares."""
    found: dict[tuple[int, int], list[list[float]]] = {}
    for row in rows[:: max(1, len(rows) // 1500)]:
        for place in range(len(VIEWS)):
            solid = objects.views[row, place, 0] > 0
            across, down = np.flatnonzero(solid.any(0)), np.flatnonzero(solid.any(1))
            box = [across[0], down[0], across[-1] + 1, down[-1] + 1]
            found.setdefault((int(objects.numbers[row, 0]), place), []).append([float(v) / len(solid) for v in box])
    whole = [0.1, 0.1, 0.9, 0.9]
    return [
        [np.mean(found.get((kind, place), [whole]), axis=0).round(4).tolist() for place in range(len(VIEWS))]
        for kind in range(1, len(KINDS) + 1)
    ]


def _ready(data: Path, run: Path, seed: int, config: MeshConfig) -> tuple[MeshNetwork, MeshObjective]:
    """An untrained network with its basis, and the objective; both are fitted and condensed once, into ``run``."""
    network = mesh_network(config, seed)
    objects = ObjectSet.load(data)
    library = data.with_name(f"{data.name}-library")
    if (library / "progress.json").exists():
        objects = objects.joined(ObjectSet.load(library))
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
    (run / "frames.json").write_text(json.dumps(frames_of(objects, rows)))
    weights = error_weights(network.basis)
    counts = network.basis.counts
    return network, MeshObjective(objects, numbers, rows, counts, weights, logit_normal(1.0, 1.2), seed=seed)


def export_mesh(run: Path, folder: Path, config: MeshConfig = MESH) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them.
    """
    done = Finished.read(run)
    kept = run / "frames.json"
    eye = averages(run.with_name("sight"))
    tensors = {f"network.{name}": tensor for name, tensor in done.average.items()}
    tensors |= {f"sight.{name}": tensor for name, tensor in eye.items()}
    described = {
        "kind": "mesh", "frames": json.loads(kept.read_text()),
        "backbone": config.backbone.to_dict(), "shape": config.shape, "colour": config.colour,
        "views": [list(view) for view in config.views], "extent": config.extent, "width": config.width,
        "choices": list(CHOICES), "steps": done.step,
    }  # fmt: skip
    save_weights(tensors, described, folder)
    facts = [
        ("parameters", f"{millions(tensors):.1f} M"),
        ("signal", f"{SIZE}^3 signed distance and colour, cells of 12^3 in a linear basis; clean-signal prediction"),
        ("steps", f"{done.step:,} of batch {BATCH} ({done.step * BATCH:,} samples)"),
        ("tasks", f"recipes of words; {SHOWN:.0%} also a picture from the front or three-quarter; {EMPTY:.0%} nothing"),
        ("compute", f"{done.minutes:.0f} minutes on one CPU core, shared with other work, bf16 autocast"),
        ("draft", "414 steps of batch 128 before, plain regression of the expected grid; eye: 500 steps of batch 64"),
        ("optimizer", "Muon and AdamW; linear decay over the last 50%; EMA of the weights"),
        ("seed", str(MESH_SETTINGS.seed)),
        ("command", "`python -m pipelines.training prepare mesh`, then `train draft`, `train sight` and `train mesh`"),
        *done.remarks,
    ]
    Card(
        "mesh-starter",
        "Makes and edits simple coloured objects of thirty kinds from words or a picture, closed and ready to print, "
        "on a laptop CPU.",
        (),
        facts,
        (
            "Early in its training: shapes are soft, thin plates and legs are often lost, borders of colours run.",
            "Thirty kinds of objects, listed in the app; another noun is taken for the nearest of them, and said so.",
            "Procedural objects alone; no scans, and none of the furniture library.",
            "Simple shapes of up to four colours: no people, no animals, no lettering, no fine detail.",
            "A voxel is a forty-eighth of the object's cube: what is thinner is lost or thickened.",
            "Pictures are understood from the front or from three-quarter, on a transparent or plain ground.",
        ),
        done.metrics,
    ).save(folder)
