"""What trains the mesh starter: objects in new colours at every draw, told by recipe, by picture, or not at all."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.codecs.mesh import SIZE
from pipelines.errors import StudioError
from pipelines.models.basis import CELL
from pipelines.models.filling import MEASURED
from pipelines.models.mesh import Around, MeshConfig, MeshNetwork, Told
from pipelines.models.shapes import CHOICES, FEATURES, KINDS, MEASURES, PARTS
from pipelines.models.sight import Sight
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.object_set import HELD_OUT, VIEWS, ObjectSet
from pipelines.training.drafting import COLOUR, DRAFT_BATCH, MESH, MORE, SHAPE, ready
from pipelines.training.finished import Finished, averages, millions
from pipelines.training.objectives import Density, add_noise, half_where_fast, logit_normal
from pipelines.training.trainer import Trainer, TrainSettings
from pipelines.training.views import closer, new_colours, pictures

MESH_SETTINGS = TrainSettings(steps=1200, warmup=20, decay=0.5, muon_rate=0.0, adam_rate=2e-3, ema=0.99)
BATCH = 24
EYE_BATCH = 64
EMPTY = 0.05  # share of samples that are told nothing, for guidance
SHOWN = 0.4  # share that are shown a picture
# By kind: which choices beside it a recipe has, and which measures.
HAS = np.array([[False] * (len(CHOICES) - 1)] + [
    [bool(k.shapes), "height" in k.sized, "width" in k.sized, k.counted is not None]
    + [place < len(k.features) for place in range(FEATURES)] for k in KINDS
])  # fmt: skip
MEASURES_OF = np.array(
    [[0.0] * MEASURES] + [[float(m < len(MEASURED[k.name])) for m in range(MEASURES)] for k in KINDS], np.float32
)


@dataclass(frozen=True)
class MeshObjective:
    """Error of the network on objects, in standard errors of the draft; all that is random follows (seed, step)."""

    objects: ObjectSet
    numbers: np.ndarray
    rows: np.ndarray
    weights: Tensor  # [K] on the errors of numbers
    eye: Sight
    density: Density
    batch: int = BATCH
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        assert isinstance(model, MeshNetwork)
        rng = np.random.default_rng((self.seed, step))
        data, told = self.draw(self.rows[rng.integers(len(self.rows), size=self.batch)], rng)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(len(data), generator)
        x = add_noise(data, torch.randn(data.shape, generator=generator), sigma)
        with half_where_fast():
            aligned, context, pooled, draft, doubt = model.encode(told)
            around = Around.of(x, sigma, draft, doubt)
            said = model.backbone(around.seen, sigma, context, pooled, aligned=aligned)
        scale = self.weights * doubt
        scale = (scale / scale.square().mean(1, keepdim=True).sqrt())[..., None, None, None]
        return ((said.float() - (data - around.mean) / around.width) * scale).square().mean()

    def draw(
        self, rows: np.ndarray, rng: np.random.Generator, *, shown: float = SHOWN, empty: float = EMPTY
    ) -> tuple[Tensor, Told]:
        """Signals [B, K, *grid] of the objects ``rows`` in new colours, and what is told of them.

        A share ``shown`` is told by a picture, and a share ``empty`` nothing.
        """
        count, each = SHAPE, COLOUR
        signals, shades = [], []
        actual = np.zeros((len(rows), PARTS, 3), np.float32)
        for place, row in enumerate(rows):
            actual[place], said = new_colours(self.objects.colours[row], rng)
            found = self.numbers[row].astype(np.float32)
            parts = found[count:].reshape(PARTS, each, -1)
            mixed = np.einsum("pc,pkn->ckn", actual[place] / 127.5 - 1, parts).reshape(3 * each, -1)
            signals.append(np.concatenate([found[:count], mixed]))
            shades.append(said)
        view = np.where(rng.random(len(rows)) < shown, rng.integers(1, len(VIEWS) + 1, len(rows)), 0)
        seen = pictures(self.objects, rows, view, actual, rng)
        told = Told(
            torch.from_numpy(self.objects.numbers[rows].copy()), torch.from_numpy(np.stack(shades)),
            torch.from_numpy(self.objects.measures[rows].copy()), seen, torch.from_numpy(view),
        )  # fmt: skip
        if len(places := np.flatnonzero(view)):
            read_off(self.eye, told, places, rng)
        nothing = torch.from_numpy(rng.random(len(rows)) < empty)
        for blank in (told.numbers, told.shades, told.measures, told.picture, told.view):
            blank[nothing] = 0
        return torch.from_numpy(np.stack(signals)).unflatten(-1, (SIZE // CELL,) * 3), told


def read_off(eye: Sight, told: Told, shown: np.ndarray, rng: np.random.Generator) -> None:
    """Replace what is told of the samples ``shown``, in place, by what the eye takes from their pictures.

    A quarter of the choices stay, as words beside a picture say some, and the kind mostly: a person corrects it.
    """
    places = torch.from_numpy(shown)
    images = closer(told.picture[places], [1] * len(shown), rng)
    with torch.inference_mode():
        kinds = told.numbers[places, 0]
        guess = eye(images).kinds[:, 1:].argmax(1) + 1
        kinds = torch.where(torch.from_numpy(rng.random(len(shown)) < 0.8), kinds, guess)
        found = eye(images, kinds)
    best = torch.where(torch.from_numpy(HAS[kinds.numpy()]), found.best(), 0)
    said = torch.from_numpy(rng.random(best.shape) < 0.25) & (kinds == told.numbers[places, 0])[:, None]
    told.numbers[places, 1:] = torch.where(said, told.numbers[places, 1:], best)
    told.numbers[places, 0] = kinds
    known = torch.from_numpy(MEASURES_OF[kinds.numpy()])
    told.measures[places] = torch.stack([found.measures * known, known], dim=-1)
    named = torch.from_numpy(rng.random((len(shown), PARTS, 1)) < 0.15)
    seen = torch.cat([found.shades, torch.ones(*found.shades.shape[:2], 1)], dim=-1)
    told.shades[places] = torch.where(named, told.shades[places], seen)


def mesh(
    data: Path, run: Path, *, steps: int | None = None, compile_model: bool = True, config: MeshConfig = MESH
) -> tuple[Trainer, MeshNetwork]:
    """The mesh starter on the prepared objects in ``data``; ``run`` is the folder to train in or to resume.

    Its draft and its eye come from the runs beside it, ``draft`` and ``sight``, which are to be trained first.

    Raises:
        StudioError: there is no such run.
    """
    settings = MESH_SETTINGS.lasting(steps)
    network, held = ready(data, run, settings.seed, config)
    eye = Sight(len(VIEWS))
    for name, part in (("draft", network.draft), ("sight", eye)):
        if not (run.with_name(name) / "state.safetensors").exists():
            raise StudioError(f"{run.with_name(name)}: is not trained; run `python -m pipelines.training train {name}`")
        part.load_state_dict(averages(run.with_name(name)))
        part.eval().requires_grad_(False)
    objective = MeshObjective(
        held.objects, held.numbers, held.rows, held.weights, eye, logit_normal(1.0, 1.2), seed=settings.seed
    )
    if not (run / "state.safetensors").exists():
        network.doubt.copy_(doubts(network, objective, held.objects.rows(held_out=True)))
    if compile_model:
        for block in network.backbone.blocks:
            block.compile(dynamic=True)
    return Trainer(network, objective, settings, run), network


def doubts(network: MeshNetwork, objective: MeshObjective, rows: np.ndarray) -> Tensor:
    """Root mean square errors [3, K] of the draft on objects it has not seen: told nothing, by words, by a picture."""
    found = []
    for share, nothing in ((0.0, True), (0.0, False), (1.0, False)):
        data, told = objective.draw(rows, np.random.default_rng(0), shown=share, empty=float(nothing))
        with torch.inference_mode():
            away = network.draft(told) - data
        found.append(away.square().mean(dim=(0, 2, 3, 4)).sqrt().clamp(min=0.02))
    return torch.stack(found)


def export_mesh(run: Path, folder: Path, config: MeshConfig = MESH) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` and remarks on the run from ``notes.txt``, where the run
    folder holds them.
    """
    done = Finished.read(run)
    drafted, looked = Finished.read(run.with_name("draft")), Finished.read(run.with_name("sight"))
    objects = len(np.load(run / "numbers.npy", mmap_mode="r"))
    tensors = {f"network.{name}": tensor for name, tensor in done.average.items()}
    tensors |= {f"sight.{name}": tensor for name, tensor in looked.average.items()}
    described = {
        "kind": "mesh", "backbone": config.backbone.to_dict(), "shape": config.shape, "colour": config.colour,
        "views": [list(view) for view in config.views], "extent": config.extent, "width": config.width,
        "choices": list(CHOICES), "steps": done.step,
    }  # fmt: skip
    save_weights(tensors, described, folder)
    facts = [
        ("parameters", f"{millions(tensors):.1f} M"),
        ("signal", f"{SIZE}^3 signed distance and colour, cells of 12^3 in a linear basis; clean-signal prediction"),
        ("draft", f"{drafted.step:,} steps of batch {DRAFT_BATCH}, plain regression; {drafted.minutes:.0f} minutes"),
        ("eye", f"{looked.step:,} steps of batch {EYE_BATCH}; {looked.minutes:.0f} minutes"),
        ("flow", f"{done.step:,} steps of batch {BATCH} ({done.step * BATCH:,} samples); {done.minutes:.0f} minutes"),
        ("tasks", f"recipes of words; {SHOWN:.0%} also a picture from the front or three-quarter; {EMPTY:.0%} nothing"),
        ("compute", "part of one CPU core, shared with other work, by the clock; bf16 autocast"),
        ("objects", f"{objects:,} procedural objects, one in {HELD_OUT} held out; {MORE:,} more for the draft alone"),
        ("optimizer", "AdamW; linear decay over the last 50%; EMA of the weights"),
        ("seed", str(done.seed)),
        (
            "command",
            "`python -m pipelines.training prepare mesh`, then `train draft`, `train sight`, `train mesh`, each with "
            "the `--steps` above, then `export mesh`",
        ),
        *done.remarks,
    ]
    Card(
        "mesh-starter",
        "Makes and edits simple coloured objects of thirty kinds from words or a picture, closed and ready to print, "
        "on a laptop CPU.",
        (),
        facts,
        (
            "Trained for an hour: what words make has edges that are a little wavy, and parts as thin as a voxel may "
            "have gaps.",
            "Thirty kinds of objects, listed in the app; another noun is taken for the nearest of them, and said so.",
            "What it knows are its thirty drawings and their proportions: it makes no new kind of chair.",
            "Procedural objects alone; no scans, and none of the furniture library.",
            "Simple shapes of up to four colours: no people, no animals, no lettering, no fine detail.",
            "A voxel is a forty-eighth of the object's cube: what is thinner is lost or thickened.",
            "Pictures are understood from the front or from three-quarter, on a transparent or plain ground. What "
            "comes of one is a drawing of its kind, by the program that drew the training objects, found by way of a "
            "bank of them; the flow has no part in it. A picture that no drawing shows is a rough guess by the flow.",
        ),
        done.metrics,
    ).save(folder)
