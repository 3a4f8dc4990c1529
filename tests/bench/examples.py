"""The examples of the Image, Audio and 3D tabs, made by the starters: ``python tests/bench/examples.py [sounds]``.

Files go to ``assets/examples``; the page shows the highest number first.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from pipelines.events import Done  # noqa: E402
from pipelines.image import ImagePipeline  # noqa: E402
from pipelines.mesh import MeshPipeline  # noqa: E402
from pipelines.settings import (  # noqa: E402
    ImageEditSettings,
    ImageSettings,
    MeshSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
)
from pipelines.sound import SoundPipeline  # noqa: E402
from pipelines.speech import SpeechPipeline  # noqa: E402
from studio.export import save  # noqa: E402

FOLDER = ROOT / "assets/examples"


def made(events):
    """The first result of a run."""
    return next(event for event in events if isinstance(event, Done)).items[0]


def keep(name, item, settings, *, edited=False):
    """Write an example, named after its place and its words."""
    save(item, FOLDER / f"audio-{name}.flac", settings, edited=edited)


def pictures():
    """Stickers from words, and two of them changed."""
    for old in FOLDER.glob("image-*"):
        old.unlink()
    image, made_of = ImagePipeline.load(), {}
    told = ("a blue heart", "a red heart", "a crying cat", "", "a grinning face", "", "a rocket", "a castle")
    for place, prompt in enumerate(told, start=1):
        if prompt:
            settings = ImageSettings(prompt=prompt, seed=1)
            made_of[prompt] = made(image.generate(settings)), settings
            name = prompt.removeprefix("a ").replace(" ", "-")
            save(made_of[prompt][0], FOLDER / f"image-{place}-{name}.png", settings)
    for name, before, after in (
        ("4-heart-made-blue", "a red heart", "a blue heart"),
        ("6-face-made-to-cry", "a grinning face", "a crying face"),
    ):
        settings = ImageEditSettings(source_prompt=before, prompt=after, style="3d", seed=1)
        save(made(image.edit(settings, made_of[before][0])), FOLDER / f"image-{name}.png", settings, edited=True)
        save(made_of[before][0], FOLDER / f"image-{name}.before.png", made_of[before][1])


def sounds():
    """Two sounds from words, and one made another."""
    for old in (*FOLDER.glob("audio-1-*"), *FOLDER.glob("audio-2-*"), *FOLDER.glob("audio-3-*")):
        old.unlink()
    sound = SoundPipeline.load("sound")
    piano = SoundSettings(prompt="piano melody in G major", seed=11, seconds=4)
    source = made(sound.generate(piano))
    strings = SoundEditSettings(source_prompt="piano", prompt="strings", seed=3)
    keep("1-piano-made-strings", made(sound.edit(strings, source)), strings, edited=True)
    keep("1-piano-made-strings.before", source, piano)
    arpeggio = SoundSettings(prompt="slow piano arpeggio in C minor", seed=7, seconds=6)
    keep("2-piano-arpeggio", made(sound.generate(arpeggio)), arpeggio)
    snare = SoundSettings(prompt="snare roll", seed=7, seconds=4)
    keep("3-snare-roll", made(sound.generate(snare)), snare)


def speeches():
    """Two texts read, and a word changed."""
    for old in FOLDER.glob("audio-0-*"):
        old.unlink()
    speech = SpeechPipeline.load("speech")
    water = SpeechSettings(text="Where the current turns round, the water rests.", voice="slt", seed=7)
    keep("0-the-water-rests", made(speech.generate(water)), water)

    cat = SpeechSettings(text="The cat sat on the mat.", seed=7)
    source = made(speech.generate(cat))
    dog = SpeechEditSettings(source_text=cat.text, text="The dog sat on the mat.", seed=7)
    keep("0-the-dog-sat", made(speech.edit(dog, source)), dog, edited=True)
    keep("0-the-dog-sat.before", source, cat)

    morning = SpeechSettings(text="Good morning. The river is calm today.", seed=7)
    keep("0-good-morning", made(speech.generate(morning)), morning)


def meshes():
    """Objects from words."""
    for old in FOLDER.glob("mesh-*"):
        old.unlink()
    pipeline = MeshPipeline.load("starter")
    things = {
        "a green teapot": 3, "a white rocket with red fins": 11, "a yellow lamp": 3,
        "a round wooden table with three legs": 3,
    }  # fmt: skip
    for place, (prompt, seed) in enumerate(things.items(), start=1):
        settings = MeshSettings(prompt=prompt, seed=seed)
        name = prompt.removeprefix("a ").replace(" ", "-")
        save(made(pipeline.generate(settings)), FOLDER / f"mesh-{place}-{name}.glb", settings)


if __name__ == "__main__":
    # By default all of them; a name makes only those.
    for name in sys.argv[1:] or ["pictures", "sounds", "speeches", "meshes"]:
        {"pictures": pictures, "sounds": sounds, "speeches": speeches, "meshes": meshes}[name]()
