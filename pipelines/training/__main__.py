"""``python -m pipelines.training prepare|train|export MEDIUM``: from packages on a registry to shipped weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import typer

from pipelines.paths import assets
from pipelines.training.trainer import Trainer

app = typer.Typer(add_completion=False, no_args_is_help=True)


@dataclass(frozen=True)
class Recipe:
    """How one network comes about.

    Attributes:
        data: folder below the data folder.
        train: (data, run, steps, warm, compile) -> a trainer, ready or resumed.
        export: (run, folder) writes weights and card.
        weights: folder below the shipped weights.
        prepare: (data) writes what it is trained on and says what that is; None where another recipe's does.
    """

    data: str
    train: Callable[[Path, Path, int | None, Path | None, bool], Trainer]
    export: Callable[[Path, Path], None] | None
    weights: str
    prepare: Callable[[Path], str] | None = None


@app.command()
def prepare(medium: str = typer.Argument("image"), data: Path = Path("data")) -> None:
    """Fetch or render what MEDIUM is trained on, and what of it ships with the program."""
    maker = _recipe(medium).prepare
    if maker is None:
        raise typer.BadParameter(f"{medium!r} is trained on the data of {_recipe(medium).data!r}; prepare that")
    typer.echo(maker(data))


@app.command()
def train(
    medium: str = typer.Argument("image"), data: Path = Path("data"), run: Path | None = None,
    steps: int | None = None, until: int | None = None, warm: Path | None = None, compile: bool = True,
) -> None:  # fmt: skip
    """Train or resume a network, a fresh one from the weights in folder --warm where its recipe takes them.

    A lower --steps than before starts the final decay earlier.
    """
    recipe = _recipe(medium)
    trainer = recipe.train(data / recipe.data, run or Path("runs") / medium, steps, warm, compile)
    for row in trainer.run(until):
        typer.echo(" ".join(f"{key}={value:.5g}" for key, value in row.items()))


@app.command()
def pace(data: Path = Path("data"), run: Path | None = None) -> None:
    """Measure how much longer each voice speaks than its trained durations say, for the next export of speech."""
    import json

    from pipelines.training import speech
    from pipelines.training.data.speech import SpeechSet

    folder = run or Path("runs") / "durations"
    trainer, model = speech.durations(data / "speech", folder)
    for name, parameter in model.named_parameters():
        parameter.data.copy_(trainer.average[name])
    found = speech.paces(model.eval(), SpeechSet.load(data / "speech").subset(held_out=False))
    (folder / "paces.json").write_text(json.dumps(found))
    typer.echo(", ".join(f"{voice} {factor:.3f}" for voice, factor in found.items()))


@app.command()
def export(medium: str = typer.Argument("image"), run: Path | None = None, out: Path | None = None) -> None:
    """Write the averaged weights of a run, and their model card, to where the app loads them."""
    recipe = _recipe(medium)
    if recipe.export is None:
        raise typer.BadParameter(f"{medium!r} ships inside {recipe.weights!r}; export that")
    folder = out or assets() / "weights" / recipe.weights
    recipe.export(run or Path("runs") / medium, folder)
    typer.echo(f"{folder}: {sum(p.stat().st_size for p in folder.glob('*.safetensors')) / 1e6:.1f} MB")


@app.command()
def enlarger(data: Path = Path("data"), out: Path | None = None) -> None:
    """Fetch the network that enlarges drawings, which others trained, and write it as the app loads it."""
    from pipelines.training.enlarger import convert

    convert(data, out or assets() / "weights" / "enlarger")


def _recipe(medium: str) -> Recipe:
    from pipelines.training import (  # bring in torch
        aligner,
        drafting,
        lipsync,
        mesh,
        recipes,
        sight,
        sound,
        speech,
        transcriber,
        video,
        vocoder,
    )

    known = {
        "image": Recipe(
            "image", lambda d, r, s, w, c: recipes.image(d, r, steps=s, warm=w, compile_model=c)[0],
            recipes.export_image, "image-starter", _prepare_image,
        ),
        "speech": Recipe(
            "speech", lambda d, r, s, w, c: speech.speech(d, r, steps=s, warm=w, compile_model=c)[0],
            lambda r, f: speech.export_speech(r, r.with_name("durations"), f), "speech-starter", _prepare_speech,
        ),
        "durations": Recipe(
            "speech", lambda d, r, s, w, c: speech.durations(d, r, steps=s)[0], None, "speech-starter"
        ),
        "aligner": Recipe("speech", lambda d, r, s, w, c: aligner.aligner(d, r, steps=s)[0], aligner.export, "aligner"),
        "vocoder": Recipe(
            "vocoder", lambda d, r, s, w, c: vocoder.vocoder(d, r, steps=s)[0], vocoder.export, "vocoder",
            _prepare_vocoder,
        ),
        "sound": Recipe(
            "sound", lambda d, r, s, w, c: sound.sound(d, r, steps=s, warm=w)[0], sound.export_sound, "sound-starter",
            _prepare_sound,
        ),
        "sketch": Recipe("sound", lambda d, r, s, w, c: sound.sketch(d, r, steps=s, warm=w)[0], None, "sound-starter"),
        "transcriber": Recipe(
            "sound", lambda d, r, s, w, c: transcriber.transcriber(d, r, steps=s)[0], transcriber.export, "transcriber"
        ),
        "video": Recipe(
            "video", lambda d, r, s, w, c: video.video(d, r, steps=s, warm=w, compile_model=c)[0], video.export_video,
            "video-starter", _prepare_video,
        ),
        "mouth": Recipe(
            "lipsync", lambda d, r, s, w, c: lipsync.mouth(d, r, steps=s, compile_model=c)[0], lipsync.export_mouth,
            "mouth-starter", _prepare_mouth,
        ),
        "listener": Recipe(
            "lipsync", lambda d, r, s, w, c: lipsync.listener(d, r, steps=s, warm=w, compile_model=c)[0],
            lipsync.export_listener, "listener", _prepare_listener,
        ),
        "mesh": Recipe(
            "mesh", lambda d, r, s, w, c: mesh.mesh(d, r, steps=s, compile_model=c)[0], mesh.export_mesh,
            "mesh-starter", _prepare_mesh,
        ),
        "draft": Recipe("mesh", lambda d, r, s, w, c: drafting.draft(d, r, steps=s)[0], None, "mesh-starter"),
        "sight": Recipe("mesh", lambda d, r, s, w, c: sight.sight(d, r, steps=s)[0], None, "mesh-starter"),
    }  # fmt: skip
    if medium not in known:
        raise typer.BadParameter(f"unknown medium {medium!r}; there is a recipe for: {', '.join(known)}")
    return known[medium]


def _prepare_image(data: Path) -> str:
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
    return f"{len(stickers.items)} pictures, {words} words, {names} names in the bank of references"


def _prepare_sound(data: Path) -> str:
    from pipelines.codecs.mel import FRAME_RATE
    from pipelines.training.data.sounds import prepare as prepare_sounds

    sounds = prepare_sounds(data / "packages")
    sounds.save(data / "sound")
    return f"{len(sounds.clips)} clips, {len(sounds.frames) / FRAME_RATE / 3600:.1f} hours"


def _prepare_video(data: Path) -> str:
    from pipelines.training.data.clips import prepare as prepare_clips
    from pipelines.training.data.clips import prepare_motions
    from pipelines.training.data.stickers import prepare as prepare_stickers

    clips = prepare_clips(data / "packages")
    clips.save(data / "video")
    if not (data / "image" / "stickers.json").exists():
        prepare_stickers(data / "packages").save(data / "image")
    names = prepare_motions(clips, assets() / "motions")
    return f"{len(clips.items)} clips that move, {names} names in the bank of motions"


def _prepare_mesh(data: Path) -> str:
    from pipelines.training.data.object_set import ObjectSet, prepare_known
    from pipelines.training.data.object_set import prepare as prepare_objects

    made = prepare_objects(data / "mesh")
    known = prepare_known(ObjectSet.load(data / "mesh"), assets() / "objects")
    return f"{made} objects, {known} of them in the bank"


def _prepare_speech(data: Path) -> str:
    from pipelines.training.data import timings
    from pipelines.training.data.speech import prepare as prepare_speech

    made = prepare_speech(data / "speech")
    timed = timings.prepare(data / "speech")
    return ", ".join(f"{voice} {hours:.1f} hours" for voice, hours in made.items()) + f"; {timed:,} sentences timed"


def _prepare_mouth(data: Path) -> str:
    from pipelines.training.data.characters import prepare_characters
    from pipelines.training.data.mouths import prepare as prepare_mouths

    prepare_characters(assets() / "characters")
    return ", ".join(f"{style} {count}" for style, count in prepare_mouths(data / "lipsync" / "mouths").items())


def _prepare_listener(data: Path) -> str:
    from pipelines.training.data.speech import prepare as prepare_speech
    from pipelines.training.data.visemes import HOURS

    made = prepare_speech(data / "lipsync" / "speech", HOURS)
    return ", ".join(f"{voice} {hours:.1f} hours" for voice, hours in made.items())


def _prepare_vocoder(data: Path) -> str:
    from pipelines.training.data.voices import prepare as prepare_voices

    return ", ".join(f"{source} {minutes:.1f} minutes" for source, minutes in prepare_voices(data / "vocoder").items())


if __name__ == "__main__":
    app()
