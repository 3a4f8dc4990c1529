"""Libraries for tests: results with records, and thousands of rows over few files."""

import random
from dataclasses import replace

import numpy as np
from PIL import Image

from pipelines.media import Picture, Sound, Word
from pipelines.settings import ImageEditSettings, ImageSettings, SpeechEditSettings, SpeechSettings
from studio.export import save, save_picture
from studio.library import made, result_id
from studio.library.asset import insert
from studio.provenance import Origin

START = 1_760_000_000.0  # seconds since 1970
NOUNS = (
    "apple pear heart cat robot house star moon boat fish tree cloud bird rose shell cake key lamp drum kite".split()
)
COLOURS = "red green blue golden violet black white orange pink grey".split()
MOODS = "sleepy happy crying shiny old tiny giant frozen burning quiet".split()


def pixels(seed=0, width=24, height=16):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 4), dtype=np.uint8)


def put(library, number=1, *, prompt="red apple", owner="", place=0, parents=(), created=None, suffix=".png", seed=5):
    """A result of job ``number`` as a worker keeps it: planned, written, entered."""
    kind = ImageEditSettings if parents else ImageSettings
    settings = kind(prompt=prompt, seed=seed + place)
    created = START + number if created is None else created
    job = f"job-{owner}-{number}"
    origin = Origin(result_id(job, place), created, tuple(parents), job, place)
    path = library.plan(number, created, place, settings, owner, suffix)
    save_picture(Picture(pixels(number * 10 + place)), path, settings, origin=origin)
    asset = made(path, settings, origin, owner, took=0.5)
    with library.store.transaction() as db:
        library.add(db, asset, parents)
    return asset


def sound(seed=0, seconds=0.5, rate=24_000, channels=1, words=()):
    """Noise that swells, every sample of it different."""
    noise = np.random.default_rng(seed).uniform(-1, 1, (channels, round(seconds * rate)))
    swell = np.linspace(0.1, 0.9, noise.shape[1])
    return Sound((noise * swell).astype(np.float32), rate, tuple(words))


def put_speech(library, number=1, *, text="Good morning.", owner="", parents=(), suffix=".wav", seed=5):
    """The same as :func:`put` for speech, with the times of its words."""
    made_by = SpeechEditSettings(source_text="Good.", text=text, seed=seed) if parents else None
    settings = made_by or SpeechSettings(text=text, seed=seed)
    created, job = START + number, f"job-{owner}-{number}"
    origin = Origin(result_id(job, 0), created, tuple(parents), job, 0)
    path = library.plan(number, created, 0, settings, owner, suffix)
    words = [Word(word, n / 7, (n + 1) / 7) for n, word in enumerate(text.split())]
    save(sound(number, max(0.5, len(words) / 7), words=words), path, settings, origin=origin)
    asset = made(path, settings, origin, owner, took=0.5)
    with library.store.transaction() as db:
        library.add(db, asset, parents)
    return asset


def sound_file(folder, name="take.wav", seed=0, **shape):
    """A recording: no record in it."""
    import soundfile

    folder.mkdir(parents=True, exist_ok=True)
    taken = sound(seed, **shape)
    soundfile.write(folder / name, taken.samples.T, taken.sample_rate)
    return folder / name


def picture_file(folder, name="photo.png", seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed)).save(folder / name)
    return folder / name


def rows(library):
    """Every row without what no file holds, and every arrow of the lineage."""
    with library.store.connect() as db:
        table = [dict(row) for row in db.execute("SELECT * FROM assets ORDER BY id")]
        arrows = sorted(tuple(row) for row in db.execute("SELECT child, parent, role FROM lineage"))
    return [{key: row[key] for key in row if key not in {"row", "took"}} for row in table], arrows


def fill(library, count, owner=""):
    """``count`` rows that share a few files: enough to search and page, quick to make."""
    rng = random.Random(0)
    samples = [put(library, number, owner=owner) for number in range(1, 61)]
    with library.store.transaction() as db:
        for number in range(61, count + 1):
            base = samples[number % 60]
            prompt = f"{rng.choice(MOODS)} {rng.choice(COLOURS)} {rng.choice(NOUNS)} number{number}"
            asset = replace(
                base,
                id=f"{number:032x}",
                path=base.path.with_name(f"{number:05}-{number}-starter.png"),
                prompt=prompt,
                created=START + number,
                job=None,
                place=None,
                model=rng.choice(("starter", "flux", "sana")),
            )
            insert(db, library.home, asset, ())
    return samples
