"""What trains the mesh starter's eye: views of objects, stickers of the same kinds, and stickers of anything else."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, cross_entropy, grid_sample

from pipelines.models.bank import STYLES, Bank, Reference
from pipelines.models.mesh import PIXELS
from pipelines.models.shapes import NAMES, PARTS, kind_named
from pipelines.models.sight import Sight
from pipelines.training.data.object_set import VIEWS, ObjectSet
from pipelines.training.mesh import new_colours
from pipelines.training.objectives import half_where_fast
from pipelines.training.trainer import Trainer, TrainSettings

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
BATCH = 64
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
    """Cross entropy of kinds and of views, and squared error of shades where they are known."""

    objects: ObjectSet
    rows: np.ndarray
    bank: Bank
    known: list[tuple[Reference, int]]
    other: list[Reference]
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed + 2, step))
        pictures, kinds, views, shades = self.draw(rng)
        with half_where_fast():
            scores, poses, tones = model(pictures)
        rendered = (views > 0)[:, None, None]
        tint = ((tones.float() - shades).square() * rendered).mean()
        return cross_entropy(scores.float(), kinds) + 0.5 * cross_entropy(poses.float(), views) + tint

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pictures [B, 4, PIXELS, PIXELS], kinds [B], views [B], shades [B, PARTS, 3]."""
        made, kinds, views, shades = [], [], [], []
        for sort in rng.choice(3, BATCH, p=SHARES):
            shade, view = np.zeros((PARTS, 3), np.float32), 0
            if sort == 0:
                picture, kind, view, shade = self._view(rng)
            elif sort == 1:
                reference, kind = self.known[int(rng.integers(len(self.known)))]
                picture = self._sticker(reference)
            else:
                picture, kind = self._sticker(self.other[int(rng.integers(len(self.other)))]), 0
            made.append(picture)
            kinds.append(kind)
            views.append(view)
            shades.append(shade)
        return _moved(made, views, rng), torch.tensor(kinds), torch.tensor(views), torch.from_numpy(np.stack(shades))

    def _view(self, rng: np.random.Generator) -> tuple[np.ndarray, int, int, np.ndarray]:
        row, view = int(rng.choice(self.rows)), int(rng.integers(len(VIEWS)))
        colours, _ = new_colours(self.objects.colours[row], True, rng)
        part, light = self.objects.views[row, view].astype(np.float32)
        lit = colours[np.clip(part - 1, 0, PARTS - 1).astype(int)] / 255 * (light / 127)[..., None]
        picture = np.concatenate([lit * (part > 0)[..., None], (part > 0)[..., None]], axis=-1).astype(np.float32)
        return picture, int(self.objects.numbers[row, 0]), 1 + view, (colours / 127.5 - 1).astype(np.float32)

    def _sticker(self, reference: Reference) -> np.ndarray:
        return np.repeat(np.repeat(self.bank.picture(reference).astype(np.float32) / 255, 2, 0), 2, 1)


def _moved(made: list[np.ndarray], views: list[int], rng: np.random.Generator) -> Tensor:
    """Pictures brought to one size round what they show, then a little off, in another light."""
    stacked = torch.from_numpy(np.stack(made)).movedim(-1, 1)
    turn = torch.zeros(len(made), 2, 3)
    for place, picture in enumerate(made):
        rows, columns = np.flatnonzero((picture[..., 3] > 0.5).any(1)), np.flatnonzero((picture[..., 3] > 0.5).any(0))
        size = picture.shape[0]
        x, y = (columns[0] + columns[-1] + 1) / size - 1, (rows[0] + rows[-1] + 1) / size - 1
        half = 1.12 * max(np.ptp(columns) + 1, np.ptp(rows) + 1) / size
        scale = half * rng.uniform(0.92, 1.12)
        flip = -1.0 if not views[place] and rng.random() < 0.5 else 1.0  # stickers look to either side
        turn[place] = torch.tensor(
            [[scale * flip, 0, x + rng.uniform(-0.05, 0.05) * half], [0, scale, y + rng.uniform(-0.05, 0.05) * half]]
        )
    where = affine_grid(turn, [len(made), 4, PIXELS, PIXELS], align_corners=False)
    pictures = grid_sample(stacked, where, align_corners=False)
    tone = torch.from_numpy(rng.uniform(0.8, 1.2, (len(made), 3, 1, 1)).astype(np.float32))
    return torch.cat([pictures[:, :3] * tone, pictures[:, 3:]], dim=1).clamp(0, 1)


def sight(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Sight]:
    """The eye on the prepared objects in ``data`` and the shipped stickers; a few minutes."""
    settings = SIGHT_SETTINGS if steps is None else replace(SIGHT_SETTINGS, steps=steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = Sight(len(VIEWS))
    objects, bank = ObjectSet.load(data), Bank.load()
    known, other = sticker_rows(bank, held_out=False)
    objective = SightObjective(objects, objects.rows(held_out=False), bank, known, other, settings.seed)
    return Trainer(network, objective, settings, run), network
