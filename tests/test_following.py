"""Clips that follow a sound: from Python, the command line, programs, and the page; made again from the library."""

import inspect
import wave

import gradio as gr
import numpy as np
import pytest
import soundfile
from PIL import Image

pytest.importorskip("diffusers")

from pages import WARNINGS, loops_closed  # noqa: F401
from test_pretrained_pipelines import ANY, events, picture, pipeline
from test_project import run as kept
from tiny_checkpoints import folder
from typed import ran

from pipelines.checkpoints import named
from pipelines.clips import read_clip
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Note
from pipelines.media import Sound, Word
from pipelines.pretrained.clips import PretrainedClips
from pipelines.pretrained.following import fitted, frames_for
from pipelines.settings import VideoSettings
from pipelines.speech import read_sound
from studio import api, choosing
from studio.cost import work
from studio.jobs.runner import Runner
from studio.library import Library
from studio.people import People
from studio.project import replay_assets
from studio.provenance import read_settings
from studio.session import Result
from studio.store import Store
from studio.tabs import video
from studio.workshop import Workshop

pytestmark = [
    *WARNINGS,
    pytest.mark.usefixtures("loops_closed"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
SMALL = {"width": 32, "height": 32, "rate": 24.0, "prompt": "a face, speaking"}


def voice(seconds=0.6, rate=24_000, channels=1, seed=0, words=()):
    noise = np.random.default_rng(seed).uniform(-0.5, 0.5, (channels, round(seconds * rate)))
    return Sound(noise.astype(np.float32), rate, tuple(words))


def notes(found):
    return [event.text for event in found if isinstance(event, Note) and "planned" not in event.text]


# Python ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "rate", "frames"),
    [
        (0.2, 24, 9),
        (9 / 24, 24, 9),
        (9 / 24 + 1e-4, 24, 17),
        (1.0, 24, 25),
        (5.0, 25, 129),
        (600.0, 24, 257),
        (0.2, 1, 9),
    ],
)
def test_a_clip_is_the_shortest_of_the_grid_that_holds_the_sound(seconds, rate, frames):
    assert frames_for(seconds, rate, 8, 257) == frames and (frames - 1) % 8 == 0


def test_a_sound_is_cut_or_filled_up_to_the_sample_and_never_changed():
    sound = voice(1.0, 44_100, 2, words=(Word("one", 0.1, 0.3), Word("two", 0.4, 0.9)))
    short, long = fitted(sound, 0.5), fitted(sound, 1.25)
    assert np.array_equal(short.samples, sound.samples[:, :22_050]) and [w.text for w in short.words] == ["one"]
    assert np.array_equal(long.samples[:, :44_100], sound.samples) and not long.samples[:, 44_100:].any()
    assert long.samples.shape == (2, 55_125) and long.words == sound.words and long.sample_rate == 44_100


@pytest.mark.parametrize("name", ["ltx2", "ltx2_i2v"])
def test_a_clip_lasts_as_long_as_its_sound_and_carries_it_as_it_was_given(name):
    clips, sound = pipeline(PretrainedClips, name), voice()
    first = picture(40, 40) if name == "ltx2_i2v" else None
    settings = VideoSettings(**SMALL, **ANY)
    assert settings.follow_sound
    found = events(clips.generate(settings, first, sound=sound))
    made = found[-1].items[0]
    assert notes(found) == ["As long as the sound, 0.6 s: 15 frames at 24 a second."]
    assert made.frames.shape == (15, 32, 32, 4) and made.sound.sample_rate == 24_000
    assert np.array_equal(made.sound.samples[:, :14_400], sound.samples) and made.sound.samples.shape[1] == 15_000
    assert not made.sound.samples[:, 14_400:].any()
    again = events(clips.generate(settings, first, sound=sound))[-1].items[0]
    other = events(clips.generate(settings, first, sound=voice(seed=1)))[-1].items[0]
    assert np.array_equal(again.frames, made.frames) and not np.array_equal(other.frames, made.frames)


def test_frames_that_were_asked_for_are_kept():
    clips = pipeline(PretrainedClips, "ltx2")
    settings = VideoSettings(**SMALL, **ANY, frames=9)
    assert not settings.follow_sound
    found = events(clips.generate(settings, sound=voice()))
    assert notes(found) == [
        "The sound lasts 0.6 s, the clip 0.4 s (9 frames were asked for): what is beyond is left out."
    ]
    assert len(found[-1].items[0].frames) == 9 and found[-1].items[0].sound.samples.shape[1] == 9000
    found = events(clips.generate(settings, sound=voice(0.25)))
    assert notes(found) == ["The sound lasts 0.2 s, the clip 0.4 s: silence follows it."]
    exact = events(clips.generate(settings, sound=voice(0.375)))
    assert notes(exact) == [] and np.array_equal(exact[-1].items[0].sound.samples, voice(0.375).samples)


def test_what_was_asked_for_says_whether_the_sound_leads():
    assert VideoSettings(prompt="a").follow_sound and VideoSettings(prompt="a", frames=20).follow_sound
    checkpoint = {"prompt": "a", "model": "owner/name"}
    assert VideoSettings(**checkpoint).follow_sound and not VideoSettings(**checkpoint, frames=20).follow_sound
    asked = VideoSettings(**checkpoint, frames=20, follow_sound=True)
    assert asked.follow_sound and asked.with_(seed=4).follow_sound
    before = VideoSettings(**checkpoint, frames=9).model_dump(mode="json")
    del before["follow_sound"]  # of a version that knew no sound
    assert not VideoSettings.migrate(before)[0].follow_sound


def test_a_sound_that_nothing_can_follow_is_refused():
    clips, settings = pipeline(PretrainedClips, "ltx2"), VideoSettings(**SMALL, **ANY)
    silent = Sound(np.zeros((2, 24_000), np.float32), 24_000)
    one, hour = Sound(np.full((1, 1), 0.5, np.float32), 24_000), Sound(np.full((1, 3_600_000), 0.5, np.float32), 1000)
    for sound, said in (
        (silent, "^sound: is silent from beginning to end; give one that can be heard, or leave it out"),
        (one, r"^sound: lasts 0\.00 s, a clip can follow 0\.2 to 600 s; give another, or cut it"),
        (hour, r"^sound: lasts 3600\.00 s, a clip can follow 0\.2 to 600 s"),
    ):
        with pytest.raises(MediaError, match=said):
            events(clips.generate(settings, sound=sound))
    with pytest.raises(MediaError, match="^sound: samples must be between -1 and 1"):
        Sound(np.full((1, 9000), np.nan, np.float32), 24_000)
    with pytest.raises(MediaError, match=r"^sound: expected float32 \[1 or 2 channels, N\]"):
        Sound(np.zeros((8, 9000), np.float32), 24_000)


@pytest.mark.parametrize("name", ["wan", "ltx", "ltx_i2v", "hunyuan_video", "mochi", "sana_video"])
def test_other_families_name_the_field(name):
    clips = pipeline(PretrainedClips, name)
    with pytest.raises(SettingsError, match=rf"^sound: {clips.model.family.title} follows no sound; leave it out, or"):
        events(clips.generate(VideoSettings(**SMALL, **ANY), picture(40, 40), sound=voice()))


def test_many_clips_of_one_sound():
    found = events(pipeline(PretrainedClips, "ltx2").generate(VideoSettings(**SMALL, **ANY, count=2), sound=voice()))
    first, second = found[-1].items
    assert not np.array_equal(first.frames, second.frames)
    assert np.array_equal(first.sound.samples, second.sound.samples)


# The command line, programs and the library ---------------------------------------------------------------------------


def recording(path, sound):
    soundfile.write(path, sound.samples.T, sound.sample_rate, "FLOAT" if path.suffix == ".wav" else None)
    return path


ASKED = ("--prompt", "a face, speaking", "--width", 32, "--height", 32, "--steps", 1, "--seed", 3)


def test_a_command_lets_a_face_follow_a_voice(home):
    face, said, out = home / "face.png", recording(home / "voice.wav", voice(1.0)), home / "clip.mp4"
    Image.fromarray(picture(48, 48).pixels).save(face)
    done = ran("generate", "video", "--model", folder("ltx2"), "--first-frame", face, "--sound", said, *ASKED,
               "--out", out)  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "note: As long as the sound, 1.0 s: 25 frames at 24 a second." in done.output
    clip, _ = read_clip(out)
    assert clip.frames.shape[:3] == (25, 32, 32) and abs(clip.sound.seconds - 25 / 24) < 0.05
    found = read_settings(out)
    # Marked as what it is: pictures by a model, beside a sound that is somebody's.
    assert found.ai_mark == "compositeWithTrainedAlgorithmicMedia"
    assert (found.settings.model, found.settings.follow_sound, found.settings.rate) == ("ltx2", True, 24.0)
    short = home / "short.mp4"
    done = ran("generate", "video", "--model", folder("ltx2"), "--sound", said, *ASKED, "--frames", 9, "--out", short)
    assert done.exit_code == 0 and "(9 frames were asked for)" in done.output
    assert len(read_clip(short)[0].frames) == 9 and not read_settings(short).settings.follow_sound


def test_bad_files_are_refused_in_a_sentence(home):
    out = home / "no.mp4"

    def refused(path, *more, model=folder("ltx2")):
        done = ran("generate", "video", "--model", model, "--sound", path, *ASKED, *more, "--out", out)
        assert done.exit_code == 2 and not out.exists(), done.output
        return done.output.splitlines()[-1]

    hour = home / "hour.wav"
    with wave.open(str(hour), "wb") as file:
        file.setparams((1, 1, 1000, 0, "NONE", ""))
        file.writeframes(bytes([128, 200] * 1_800_000))
    broken = home / "nan.wav"
    soundfile.write(broken, np.where(np.arange(24_000) == 5, np.nan, 0.1).astype(np.float32), 24_000, "FLOAT")
    assert "hour.wav: 60 minutes long, at most 10 minutes; cut it" in refused(hour)
    assert "nan.wav: 1 samples, first number 5, are not numbers" in refused(broken)
    silent = recording(home / "silent.wav", Sound(np.zeros((1, 24_000), np.float32), 24_000))
    assert "sound: is silent from beginning to end" in refused(silent)
    assert "sound: lasts 0.00 s" in refused(recording(home / "one.wav", voice(1 / 24_000)))
    text = home / "text.wav"
    text.write_text("not a sound")
    assert "text.wav: not a sound that can be read" in refused(text)
    assert "no such file" in refused(home / "gone.wav")
    good = recording(home / "voice.wav", voice())
    assert "sound: Wan follows no sound" in refused(good, model=folder("wan"))
    assert "sound: the starter follows no sound; choose a checkpoint that does" in refused(good, model="starter")


def test_eight_channels_are_mixed_down(home):
    many = home / "many.wav"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (9000, 8))
    soundfile.write(many, noise, 24_000)
    sound, told = read_sound(many)
    assert any("8 channels" in each for each in told) and sound.samples.shape[0] in (1, 2)
    settings = VideoSettings(**SMALL, **{**ANY, "model": str(folder("ltx2")), "steps": 1})
    found = list(Runner().run(settings, {"sound": many}))
    assert np.array_equal(found[-1].items[0].sound.samples, sound.samples)


def test_a_clip_of_the_library_is_made_again_with_its_sound_and_its_picture(home, tmp_path):
    named.add(named.Named("Led", str(folder("ltx2")), "video"))
    library = Library(Store(tmp_path / "here"))
    said, face = recording(home / "voice.wav", voice()), home / "face.png"
    Image.fromarray(picture(48, 48).pixels).save(face)
    parents = {path.stem: library.bring_in(path, path.name, "") for path in (said, face)}
    inputs = {"first_frame": parents["face"], "sound": parents["voice"]}
    settings = VideoSettings(**SMALL, **{**ANY, "model": "Led", "steps": 1})
    made = Runner().run(settings, {role: asset.path for role, asset in inputs.items()})
    arrows = tuple((role, asset.id) for role, asset in inputs.items())
    [(asset, clip)] = kept(library, made, settings, 1, arrows, ".webm")
    assert len(clip.frames) == 15 and dict(library.parents(asset.id, "")).keys() == inputs.keys()
    [again] = replay_assets(library, [asset.id], "")
    assert again.same, again.why
    result = Result.of(library.get(asset.id, ""), library)
    assert {role for role, _, _ in result.given} == {"first_frame", "sound"}


def test_programs_give_the_sound_beside_the_settings():
    parameters = inspect.signature(api.endpoint(None, VideoSettings)).parameters
    assert parameters["sound"].default is None and parameters["follow_sound"].default is True
    assert api.MEDIA["sound"] == "audio"
    sent = {name: p.default for name, p in parameters.items() if p.default is not inspect.Parameter.empty}
    sent = {name: value for name, value in sent.items() if name in VideoSettings.model_fields}
    for more, follows in (({}, True), ({"frames": 49}, False)):  # clients send every default
        meant = VideoSettings(**api._meant(VideoSettings, {**sent, "prompt": "a", "model": "ltx-2", **more}))
        assert meant.follow_sound is follows and meant.frames == more.get("frames", 121)


# The page -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def tab(home, monkeypatch):
    """The video tab as it is built, with a model that follows a sound and one that does not."""
    named.add(named.Named("Led", str(folder("ltx2")), "video"))
    named.add(named.Named("Deaf", str(folder("wan")), "video"))
    built, own = [], video._Tab.__init__

    def init(self, *parts):
        own(self, *parts)
        built.append(self)

    monkeypatch.setattr(video._Tab, "__init__", init)
    shop = Workshop.open(People(False), home / "home")
    with gr.Blocks(analytics_enabled=False) as page:
        video.build(shop, page)
    return built[0]


def values(tab, **more):
    """What the page sends of the form for making, unless ``more`` says otherwise."""
    form = tab.make.form
    told = {part: part.value for part in tab.make.inputs()}
    return told | {form.controls[name]: value for name, value in more.items()}


def test_the_field_for_a_sound_comes_with_a_model_that_follows_one(tab):
    shown = {name: video.following(name).visible for name in ("starter", "Led", "Deaf", "ltx-2", "wan-2.1-1.3b", None)}
    assert shown == {"starter": False, "Led": True, "Deaf": False, "ltx-2": True, "wan-2.1-1.3b": False, None: False}
    assert tab.make.fold.visible is False and tab.led in tab.make.inputs() and tab.led in tab.parts
    assert not choosing.follows_sound(str(folder("ltx2")))  # a page looks at no paths


def test_the_page_asks_for_a_run_with_the_sound_where_the_model_takes_it(tab, home, monkeypatch):
    said = recording(home / "voice.wav", voice())
    monkeypatch.setattr("studio.sources.uploaded", lambda name: said)
    asked = tab._asking(tab.make)
    for model, roles in (("Led", {"sound"}), ("Deaf", set()), ("starter", set())):
        told = asked({**values(tab, prompt="a face", model=model, loop=False), tab.led: str(said)}, "")
        assert told.inputs.keys() == roles and told.settings[0].follow_sound
    led = asked({**values(tab, prompt="a", model="Led", follow_sound=False, frames=49), tab.led: str(said)}, "")
    assert not led.settings[0].follow_sound and led.settings[0].frames == 49
    kept_sound = tab.shop.library.get(led.inputs["sound"], "")
    assert kept_sound.medium == "audio" and np.array_equal(read_sound(kept_sound.path)[0].samples, voice().samples)
    assert asked(values(tab, prompt="a", model="Led"), "").inputs == {}


def test_the_cost_grows_with_the_sound_that_leads(tab, home, monkeypatch):
    said = recording(home / "voice.wav", voice(8.0))
    monkeypatch.setattr("studio.extras.found", lambda shop, name, owner: said if name else None)

    def seconds(**more):
        held = values(tab, prompt="a", model="Led", frames=121, rate=24.0, **more) | {tab.led: str(said)}
        length = tab.make.more._length(held, None)
        return length, work(tab.make.more._read(held), length)

    (led, long), (none, short) = seconds(), seconds(follow_sound=False)
    assert (led, none) == (8.0, None) and 1.5 < long / short < 8 * 24 / 121
    held = values(tab, prompt="a", model="Deaf") | {tab.led: str(said)}
    assert tab.make.more._length(held, None) is None
    settings = VideoSettings(prompt="a", model="ltx-2", steps=1)
    assert work(settings, 257 / 24) == work(settings, 600.0) and work(settings, 121 / 24) == pytest.approx(
        work(settings)
    )


def test_a_clip_that_is_picked_brings_its_sound_back(tab, home):
    said = tab.shop.library.bring_in(recording(home / "voice.wav", voice()), "voice.wav", "")
    settings = VideoSettings(prompt="a face", model="Led", seed=1)
    result = Result(said.path, settings, (32, 32), "run", given=(("sound", said.path, said.id),))
    updates = tab._filled(result)
    assert updates[tab.led] == f"asset:{said.id}" and updates[tab.begin] is None
    bare = tab._filled(Result(said.path, settings, (32, 32), "run"))
    assert bare[tab.led] == "" and bare[tab.begin] is None
