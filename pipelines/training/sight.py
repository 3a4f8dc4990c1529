"""What trains the mesh starter's eye: views of objects, stickers of the same kinds, and stickers of anything else."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from pipelines.models.bank import STYLES, Bank, Reference
from pipelines.models.shapes import NAMES, PARTS, kind_named
from pipelines.models.sight import Look, Sight
from pipelines.training.data.object_set import VIEWS, ObjectSet
from pipelines.training.mesh import EYE_BATCH
from pipelines.training.objectives import half_where_fast
from pipelines.training.trainer import Trainer, TrainSettings
from pipelines.training.views import closer, new_colours

# Stickers of the bank that show a kind of ours and little else.
STICKERS: dict[str, tuple[str, ...]] = {
    "tree": ("evergreen tree", "deciduous tree", "christmas tree"), "cactus": ("cactus",), "mushroom": ("mushroom",),
    "bowl": ("bowl with spoon", "steaming bowl"), "cake": ("birthday cake", "moon cake"), "teapot": ("teapot",),
    "mug": ("teacup without handle", "beer mug"), "bottle": ("bottle with popping cork", "baby bottle"),
    "vase": ("amphora", "funeral urn"), "house": ("house", "house with garden", "hut"), "tower": ("tokyo tower",),
    "car": ("taxi", "oncoming taxi", "police car", "oncoming automobile", "racing car", "automobile"),
    "boat": ("sailboat", "motor boat", "ship"), "plane": ("airplane", "small airplane"), "chair": ("chair", "seat"),
    "rocket": ("rocket",), "umbrella": ("umbrella", "umbrella on ground"), "hat": ("top hat", "woman’s hat"),
    "snowman": ("snowman", "snowman without snow"), "key": ("key", "old key"), "sword": ("dagger",), "bed": ("bed",),
    "sofa": ("couch and lamp",), "bucket": ("bucket",), "cabinet": ("file cabinet",),
}  # fmt: skip
SIGHT_SETTINGS = TrainSettings(steps=1500, warmup=30, decay=0.5, muon_rate=0.0, adam_rate=2e-3, ema=0.99)
SHARES = (0.6, 0.2, 0.2)  # views, stickers of our kinds, stickers of anything else


def sticker_rows(bank: Bank, *, held_out: bool) -> tuple[list[tuple[Reference, int]], list[Reference]]:
    """Stickers of our kinds with the kind (1 + its place), and of other things; one style of each name is held out."""
    kinds = {name: 1 + NAMES.index(kind) for kind, names in STICKERS.items() for name in names}
    known: list[tuple[Reference, int]] = []
    other: list[Reference] = []
    for row, entry in enumerate(bank.entries):
        for place, style in enumerate(STYLES):
            if style not in entry.styles or (place == row % len(STYLES)) != held_out:
                continue
            if entry.name in kinds:
                known.append((Reference(row, style), kinds[entry.name]))
            elif kind_named(entry.name.lower().replace("-", " ").split()) is None:
                other.append(Reference(row, style))
    return known, other


@dataclass(frozen=True)
class SightObjective:
    """Cross entropy of kinds, of views and of choices; squared error of measures and of shades where they are known."""

    objects: ObjectSet
    rows: np.ndarray
    bank: Bank
    known: list[tuple[Reference, int]]
    other: list[Reference]
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed + 2, step))
        pictures, kinds, views, rows, shades = self.draw(rng)
        with half_where_fast():
            found: Look = model(pictures, kinds)
        seen = views > 0
        loss = cross_entropy(found.kinds.float(), kinds) + 0.5 * cross_entropy(found.views.float(), views)
        codes = torch.from_numpy(self.objects.numbers[rows[seen], 1:])
        for column, scores in enumerate(found.choices):
            told = codes[:, column] > 0  # the kind has it
            wrong = cross_entropy(scores[seen][told].float(), codes[told, column], reduction="sum")
            loss = loss + 0.25 * wrong / len(codes)
        value, known = torch.from_numpy(self.objects.measures[rows[seen]]).unbind(-1)
        away = ((found.measures[seen].float() - value).square() * known).sum() / known.sum()
        # A part that the picture does not show has no shade to tell; on average that is a small share.
        tint = (found.shades[seen].float() - shades[seen]).square().mean()
        return loss + away + tint

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, np.ndarray, Tensor]:
        """Pictures [B, 4, PIXELS, PIXELS], kinds [B], views [B], rows of objects [B], shades [B, PARTS, 3]."""
        made, kinds, views, rows, shades = [], [], [], [], []
        for sort in rng.choice(3, EYE_BATCH, p=SHARES):
            shade, view, row = np.zeros((PARTS, 3), np.float32), 0, 0
            if sort == 0:
                row, view = int(rng.choice(self.rows)), 1 + int(rng.integers(len(VIEWS)))
                picture, shade = self._view(row, view, rng)
                kind = int(self.objects.numbers[row, 0])
            elif sort == 1:
                reference, kind = self.known[int(rng.integers(len(self.known)))]
                picture = self._sticker(reference)
            else:
                picture, kind = self._sticker(self.other[int(rng.integers(len(self.other)))]), 0
            made.append(picture)
            kinds.append(kind)
            views.append(view)
            rows.append(row)
            shades.append(shade)
        pictures = closer(torch.from_numpy(np.stack(made)).movedim(-1, 1), views, rng)
        return pictures, torch.tensor(kinds), torch.tensor(views), np.array(rows), torch.from_numpy(np.stack(shades))

    def _view(self, row: int, view: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        colours, _ = new_colours(self.objects.colours[row], rng)
        part, light = self.objects.views[row, view - 1].astype(np.float32)
        lit = colours[np.clip(part - 1, 0, PARTS - 1).astype(int)] / 255 * (light / 127)[..., None]
        picture = np.concatenate([lit * (part > 0)[..., None], (part > 0)[..., None]], axis=-1).astype(np.float32)
        return picture, (colours / 127.5 - 1).astype(np.float32)

    def _sticker(self, reference: Reference) -> np.ndarray:
        return np.repeat(np.repeat(self.bank.picture(reference).astype(np.float32) / 255, 2, 0), 2, 1)


def sight(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Sight]:
    """The eye on the prepared objects in ``data`` and the shipped stickers; a few minutes."""
    settings = SIGHT_SETTINGS.lasting(steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = Sight(len(VIEWS))
    objects, bank = ObjectSet.load(data), Bank.load()
    known, other = sticker_rows(bank, held_out=False)
    objective = SightObjective(objects, objects.rows(held_out=False), bank, known, other, settings.seed)
    return Trainer(network, objective, settings, run), network
