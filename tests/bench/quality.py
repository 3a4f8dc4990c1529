"""Does a sample look like what was asked for: ``python tests/bench/quality.py``.

Retrieval: a sample in the 3D style is compared with the 3D picture of every name (skin tones left out) by the cosine of
their 16 x 16 RGBA thumbnails less the mean thumbnail; top-k counts how often the right name is among the k nearest.
The starter is shown a reference from its bank, so two more rows say what of this is its own work: the same retrieval
for the references handed through as they are, and the share of samples that are nearer to the true picture than the
reference was (RMS over all pixels).
Colour: share of samples of "COLOUR object" whose dominant hue is nearest to that colour.
``--memorised`` adds distances (RMS of thumbnails, range 1) to the nearest training picture: of samples of held-out
names, of the true pictures of held-out names, and of training pictures to one another.
The network runs in bfloat16, as its weights are kept.
``--sheet FILE`` also writes a contact sheet of the first 64 samples, unpicked, above their nearest training pictures.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from common import drawn, starter, table
from PIL import Image

from pipelines.models.colours import HUES, colour_name, dominant_hue
from pipelines.training.data.stickers import StickerSet, premultiplied

OBJECTS = ("apple", "car", "heart", "balloon", "book", "fish", "bird", "cup", "shirt", "house", "star", "flower", "hat")


def features(pictures):
    """Thumbnails [N, 16 * 16 * 4] of premultiplied uint8 [N, 64, 64, 4]."""
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return torch.nn.functional.avg_pool2d(x, 4).flatten(1)


def samples_of(model, prompts):
    """Premultiplied pixels of one sample of each prompt, seeds 0, 1, 2 ..."""
    made = drawn(model, prompts, list(range(len(prompts))))
    return [premultiplied(Image.fromarray(picture.pixels)) for picture in made]


def retrieval(samples, names, gallery, gallery_names):
    """(top-1, top-10) shares."""
    mean = gallery.mean(0)
    a = torch.nn.functional.normalize(features(samples) - mean, dim=1)
    b = torch.nn.functional.normalize(gallery - mean, dim=1)
    ranked = (a @ b.T).argsort(dim=1, descending=True)
    hits = [[gallery_names[i] for i in row[:10]] for row in ranked.tolist()]
    top1 = np.mean([name == found[0] for name, found in zip(names, hits, strict=True)])
    top10 = np.mean([name in found for name, found in zip(names, hits, strict=True)])
    return top1, top10


def references(model, names, style="3d"):
    """What the model is shown for each name; a clear picture for none."""
    bank = model.bank
    return [bank.view(bank.look_up(f"{name}, {style}")) for name in names]


def redrawn(samples, shown, truth):
    """Share of samples that are nearer to the true picture than what the model was shown."""

    def rms(pictures):
        return np.sqrt(((np.stack(pictures).astype(float) - truth) ** 2).mean((1, 2, 3)))

    return np.mean(rms(samples) < rms(shown))


def memorised(samples, held_out, training):
    """Rows: median distance to the nearest training picture, for each kind of picture."""
    among = torch.cdist(training, training).fill_diagonal_(float("inf"))
    scale = training.shape[1] ** -0.5
    kinds = [("samples of held-out names", torch.cdist(features(samples), training)),
             ("true pictures of held-out names", torch.cdist(held_out, training)),
             ("training pictures, each other", among)]  # fmt: skip
    return [
        (f"nearest training picture, median / least distance, {what}",
         f"{(d.min(1).values * scale).median():.3f} / {d.min() * scale:.3f}") for what, d in kinds
    ]  # fmt: skip


def write_sheet(path, samples, gallery, pictures):
    """Contact sheet: four double rows of 16, samples above their nearest training pictures, on white."""
    nearest = torch.cdist(features(samples), gallery).argmin(1).tolist()
    rows = []
    for first in range(0, 64, 16):
        rows.append(np.concatenate(samples[first : first + 16], 1))
        rows.append(np.concatenate([pictures[i] for i in nearest[first : first + 16]], 1))
    sheet = np.concatenate(rows, 0).astype(np.float32)
    Image.fromarray((sheet[..., :3] + 255 - sheet[..., 3:]).clip(0, 255).astype(np.uint8)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/image"))
    parser.add_argument("--names", type=int, default=256)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--memorised", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the table here, for the model card")
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = starter(torch.bfloat16)
    stickers = StickerSet.load(options.data)
    shown = [r for r, i in enumerate(stickers.items) if i.style == "3d" and "skin tone" not in i.name]
    gallery_names = [stickers.items[r].name for r in shown]
    gallery = features(stickers.pictures[shown])
    rng = np.random.default_rng(0)
    rows, kept = [], []
    for title, held_out in (("training names", False), ("held-out names", True)):
        pool = [stickers.items[r].name for r in shown if stickers.items[r].held_out == held_out]
        names = [str(n) for n in rng.permutation(pool)[: options.names]]
        samples = samples_of(model, names)
        top1, top10 = retrieval(samples, names, gallery, gallery_names)
        rows.append((f"retrieval, {len(names)} {title}, top-1 / top-10", f"{top1:.2f} / {top10:.2f}"))
        shown_to = references(model, names)
        top1, top10 = retrieval(shown_to, names, gallery, gallery_names)
        rows.append(("- the same, references handed through", f"{top1:.2f} / {top10:.2f}"))
        truth = stickers.pictures[[shown[gallery_names.index(name)] for name in names]]
        rows.append(("- nearer to the true picture than the reference", f"{redrawn(samples, shown_to, truth):.2f}"))
        if options.memorised and held_out:
            known = torch.tensor([not stickers.items[r].held_out for r in shown])
            rows += memorised(samples, gallery[~known], gallery[known])
        kept = kept or samples
    rows.append(("chance, top-1 / top-10", f"{1 / len(shown):.4f} / {10 / len(shown):.4f}"))
    asked = [(colour, thing) for thing in OBJECTS for colour in HUES]
    hues = [dominant_hue(pixels) for pixels in samples_of(model, [f"{colour} {thing}" for colour, thing in asked])]
    obeyed = [hue is not None and colour_name(hue) == colour for hue, (colour, _) in zip(hues, asked, strict=True)]
    rows.append((f"colour obeyed, {len(obeyed)} colour-object pairs", f"{np.mean(obeyed):.2f}"))
    table(("what", "measured"), rows)
    if options.json:
        options.json.write_text(json.dumps(rows))
    if options.sheet:
        training = [r for r, i in enumerate(stickers.items) if not i.held_out and "skin tone" not in i.name]
        write_sheet(options.sheet, kept, features(stickers.pictures[training]), stickers.pictures[training])


if __name__ == "__main__":
    main()
