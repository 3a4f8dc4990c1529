"""Pictures, clips and sounds from tiny checkpoints: sizes, masks, sources that come back, LoRA files, and refusals."""

import copy

import numpy as np
import pytest
import torch

pytest.importorskip("diffusers")

from safetensors.torch import save_file
from tiny_checkpoints import SHORT, folder, model
from tiny_pipelines import FAMILIES, tiny

from pipelines.checkpoints import find, plan
from pipelines.checkpoints.loras import asked_for
from pipelines.errors import MediaError, ModelError, SettingsError
from pipelines.events import Done, Preview, Progress
from pipelines.image import ImagePipeline
from pipelines.media import Clip, Mask, Picture, Sound
from pipelines.models.diffusers.codecs import temporal
from pipelines.models.diffusers.families import multiple
from pipelines.models.diffusers.lora import with_loras
from pipelines.models.diffusers.model import DiffusersModel
from pipelines.pretrained import open_checkpoint
from pipelines.pretrained.canvas import Canvas
from pipelines.pretrained.clips import PretrainedClips
from pipelines.pretrained.images import PretrainedImages
from pipelines.pretrained.sounds import PretrainedSounds
from pipelines.settings import (
    ImageEditSettings,
    ImageSettings,
    SoundEditSettings,
    SoundSettings,
    VideoEditSettings,
    VideoSettings,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
ANY = {"model": "owner/name", "seed": 3, "steps": 2, "guidance": 2.0}
EDIT = {**ANY, "prompt": "a dog", "source_prompt": "a cat", "method": "rf-edit", "share_steps": 1}


def pipeline(kind, name):
    return kind(briefly(model(name)), plan(find(str(folder(name)))))


def briefly(found):
    """Calls without the long instructions that pipelines put before a person's words."""
    made = copy.copy(found)
    made.arguments = lambda ask: {**found.arguments(ask), **SHORT.get(found.family.name, {})}
    return made


def events(run):
    found = list(run)
    assert isinstance(found[-1], Done)
    return found


def picture(height, width, seed=0):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 4), np.uint8)
    pixels[..., 3] = np.where(np.arange(width) < width // 2, 255, 200)
    return Picture(pixels)


@pytest.mark.parametrize("name", FAMILIES)
def test_odd_sizes_are_encoded_and_decoded_in_the_models_own_grid(name):
    found = model(name)
    if found.family.medium == "audio":
        sounds = pipeline(PretrainedSounds, name)
        wave = sounds._wave(Sound(np.full((1, 1003), 0.1, np.float32), 3000))
        assert wave.shape[-1] % sounds._frame() == 0
        assert found.from_state(found.to_state(wave), (wave.shape[-1],)).shape == wave.shape
        return
    frames = 1 if found.family.medium == "image" else temporal(found.pipeline) + 1
    canvas = Canvas(np.zeros((frames, 37, 53, 4), np.uint8), multiple(found.family, found.pipeline), 1 << 20)
    found.check((frames, *canvas.size))
    pixels = canvas.pixels()
    if found.family.medium == "image":
        assert found.from_state(found.to_state(pixels), canvas.size).shape == pixels.shape
    else:
        clip = pixels.transpose(0, 1)[None]
        assert found.from_state(found.to_state(clip), (frames, *canvas.size)).shape == clip.shape


def test_a_checkpoint_makes_pictures_with_progress_and_previews():
    images = ImagePipeline.load(str(folder("sd3")))
    assert isinstance(images, PretrainedImages)
    settings = ImageSettings(prompt="a cat", width=48, height=32, count=2, **{**ANY, "steps": 3})
    found = events(images.generate(settings))
    assert [event.done for event in found if isinstance(event, Progress)] == [1, 2, 3]
    assert any(isinstance(event, Preview) and event.items[0].size == (48, 32) for event in found)
    done = found[-1]
    assert [item.size for item in done.items] == [(48, 32)] * 2 and done.seeds == (3, 4) and done.calls == 3
    again = events(images.generate(settings.with_(schedule="auto-sd3", solver="alf")))[-1]
    assert not np.array_equal(again.items[0].pixels, done.items[0].pixels)


def test_a_picture_of_any_size_is_edited_and_comes_back_where_nothing_is_asked():
    images, source = pipeline(PretrainedImages, "flux"), picture(37, 53)
    settings = ImageEditSettings(**EDIT, strength=1.0)
    same = events(images.edit(settings.with_(prompt="a cat"), source))[-1].items[0]
    assert np.array_equal(same.pixels, source.pixels)
    made = events(images.edit(settings, source))[-1].items[0]
    assert made.size == source.size and not np.array_equal(made.pixels, source.pixels)
    weights = np.zeros((37, 53), np.float32)
    weights[:20, :20] = 1
    part = events(images.edit(settings, source, Mask(weights)))[-1].items[0]
    assert np.array_equal(part.pixels[weights == 0], source.pixels[weights == 0])
    assert not np.array_equal(part.pixels, source.pixels)
    with pytest.raises(MediaError, match="mask: is .* pixels, the picture is"):
        events(images.edit(settings, source, Mask(np.ones((4, 4), np.float32))))


def test_a_clip_is_edited_frames_beyond_the_grid_and_the_sound_stay():
    clips = pipeline(PretrainedClips, "wan")
    frames = np.stack([picture(30, 34, seed).pixels for seed in range(7)])
    source = Clip(frames, 8.0, Sound(np.zeros((1, 8000), np.float32), 8000))
    settings = VideoEditSettings(**EDIT, strength=1.0)
    found = events(clips.edit(settings, source))
    assert "the last 2 stay as they are" in found[0].text
    made = found[-1].items[0]
    assert made.frames.shape == frames.shape and np.array_equal(made.frames[5:], frames[5:])
    assert made.sound is source.sound and not np.array_equal(made.frames[:5], frames[:5])
    same = events(clips.edit(settings.with_(prompt="a cat"), source))[-1].items[0]
    assert np.array_equal(same.frames, frames)


def test_a_family_that_starts_from_a_picture_wants_one_and_others_do_not():
    settings = VideoSettings(prompt="a cat", width=32, height=32, frames=5, **ANY)
    clips = pipeline(PretrainedClips, "ltx_i2v")
    with pytest.raises(SettingsError, match="first_frame: .* needs a first frame"):
        events(clips.generate(settings.with_(frames=9)))
    made = events(clips.generate(settings.with_(frames=9), first_frame=picture(40, 40)))[-1].items[0]
    assert made.frames.shape == (9, 32, 32, 4) and made.rate == settings.rate
    with pytest.raises(SettingsError, match="takes no such picture"):
        events(pipeline(PretrainedClips, "wan").generate(settings, first_frame=picture(40, 40)))


@pytest.mark.parametrize("name, other", [("ltx", "ltx_i2v"), ("ltx2", "ltx2_i2v"), ("sana_video", "sana_video_i2v")])
def test_the_same_weights_start_from_a_picture_where_they_were_made_for_it(name, other):
    made = []
    for each in (name, other):
        clips = pipeline(PretrainedClips, each)
        if not clips.model.family.first_frame:
            clips.model.__dict__["from_a_picture"] = briefly(clips.model.from_a_picture)
        settings = VideoSettings(prompt="a cat", width=32, height=32, frames=9, **ANY)
        made.append(events(clips.generate(settings, first_frame=picture(40, 40)))[-1].items[0].frames)
    assert np.array_equal(*made)
    before = pipeline(PretrainedClips, name)
    assert before.model.from_a_picture.networks[0] is before.model.networks[0]
    with pytest.raises(SettingsError, match="last_frame: checkpoints take a first frame alone"):
        events(before.generate(settings, None, picture(40, 40)))


@pytest.mark.parametrize("name", [name for name in FAMILIES if name.endswith(("i2v", "ti2v"))])
def test_clips_that_start_from_a_picture_are_made_by_the_pair_and_edited_behind_their_first_frame(name):
    clips = pipeline(PretrainedClips, name)
    count = max(2, 4 // temporal(clips.model.pipeline)) * temporal(clips.model.pipeline) + 1
    settings = VideoSettings(prompt="a cat", width=32, height=64, frames=count, count=2, **ANY)
    if clips.model.family.one_at_a_time:
        with pytest.raises(SettingsError, match="^count: .* makes one clip at a time; use 1"):
            events(clips.generate(settings, first_frame=picture(40, 40)))
        settings = settings.with_(count=1)
    made = events(clips.generate(settings, first_frame=picture(40, 40)))[-1].items
    assert [item.frames.shape for item in made] == [(count, 64, 32, 4)] * settings.count
    assert len({item.frames.tobytes() for item in made}) == settings.count
    frames = np.stack([picture(30, 34, seed).pixels for seed in range(count)])
    source, change = Clip(frames, 8.0), VideoEditSettings(**EDIT, strength=1.0)
    for method in ("rf-edit", "sdedit"):
        found = events(clips.edit(change.with_(method=method), source))[-1].items[0]
        assert not np.array_equal(found.frames, frames)
    same = events(clips.edit(change.with_(prompt="a cat"), source))[-1].items[0]
    assert np.array_equal(same.frames, frames)


def test_a_clip_keeps_its_sound_when_the_pictures_of_a_film_are_edited():
    clips = pipeline(PretrainedClips, "ltx2")
    frames = np.stack([picture(30, 34, seed).pixels for seed in range(5)])
    source = Clip(frames, 8.0, Sound(np.zeros((1, 8000), np.float32), 8000))
    settings = VideoEditSettings(**EDIT, strength=1.0)
    made = events(clips.edit(settings, source))[-1].items[0]
    assert made.sound is source.sound and not np.array_equal(made.frames, frames)
    same = events(clips.edit(settings.with_(prompt="a cat"), source))[-1].items[0]
    assert np.array_equal(same.frames, frames)


@pytest.mark.parametrize("name", ["stable_audio3", "sana_sprint"])
def test_a_distilled_checkpoint_makes_and_edits_by_what_works_with_it(name):
    sound = name == "stable_audio3"
    found = DiffusersModel(tiny(name, distilled=True)) if sound else model(name)
    found = briefly(found)
    made = (PretrainedSounds if sound else PretrainedImages)(found, plan(find(str(folder(name)))))
    more = {"seconds": 1} if sound else {"width": 32, "height": 32}
    kind, edit = (SoundSettings, SoundEditSettings) if sound else (ImageSettings, ImageEditSettings)
    found = events(made.generate(kind(prompt="rain", **{**ANY, "steps": 3}, **more)))
    assert [event.done for event in found if isinstance(event, Progress)] == [1, 2, 3]
    assert any(isinstance(event, Preview) for event in found) and len(found[-1].items) == 1
    with pytest.raises(ModelError, match="^solver: .* was distilled to"):
        events(made.generate(kind(prompt="rain", **ANY, solver="alf", **more)))
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2000)).astype(np.float32)
    source = Sound(wave, 2000) if sound else picture(32, 32)
    with pytest.raises(
        ModelError, match="^method: .* nothing can be turned back; 'flowedit' and 'sdedit' work with it"
    ):
        events(made.edit(edit(**EDIT), source))
    for method in ("flowedit", "sdedit", "magicmix"):
        changed = events(made.edit(edit(**{**EDIT, "method": method}, strength=0.7), source))[-1].items[0]
        assert changed is not source
    same = events(made.edit(edit(**{**EDIT, "method": "flowedit", "prompt": "a cat"}, strength=0.7), source))[-1].items[
        0
    ]
    assert same is source if sound else np.array_equal(same.pixels, source.pixels)


def test_the_sound_of_a_film_is_kept():
    clips = pipeline(PretrainedClips, "ltx2")
    (made,) = clips._sound((np.zeros((1, 2)), torch.zeros(1, 2, 400)))
    assert made.samples.shape == (2, 400) and made.sample_rate == 16000
    with pytest.raises(ModelError, match="height: LTX-2 needs a multiple of 32, got 31; try 32"):
        clips.model.check((4, 31, 32))


def test_a_sound_is_made_and_edited_at_the_models_rate():
    sounds = pipeline(PretrainedSounds, "stable_audio3")
    made = events(sounds.generate(SoundSettings(prompt="rain", seconds=1, **ANY)))[-1].items[0]
    assert made.sample_rate == 2000 and made.samples.shape == (2, 2000)
    wave = np.random.default_rng(0).uniform(-0.5, 0.5, (1, 3001)).astype(np.float32)
    settings = SoundEditSettings(**EDIT, strength=1.0)
    source = Sound(wave, 3000)
    assert events(sounds.edit(settings.with_(prompt="a cat"), source))[-1].items[0] is source
    assert events(sounds.edit(settings, source))[-1].items[0].sample_rate == 2000
    for changes, said in (({"loop": True}, "loop: checkpoints make no loops"),):
        with pytest.raises(SettingsError, match=said):
            events(sounds.generate(SoundSettings(prompt="rain", seconds=1, **ANY, **changes)))
    with pytest.raises(SettingsError, match="extend: checkpoints do not let a sound go on"):
        events(sounds.edit(settings.with_(extend=2.0), source))


def test_what_checkpoints_cannot_do_is_said():
    images = pipeline(PretrainedImages, "flux")
    settings = ImageSettings(prompt="a cat", width=32, height=32, **ANY)
    with pytest.raises(SettingsError, match="guidance_from: checkpoints guide at every noise level"):
        events(images.generate(settings.with_(guidance_from=0.2)))
    with pytest.raises(ModelError, match="width: FLUX.1 needs a multiple of 4|multiple"):
        images.model.check((32, 33))
    first = next(images.generate(settings.with_(negative_prompt="rain")))
    assert "knows no 'avoid'" in first.text
    with pytest.raises(ModelError, match="makes video, not image; choose it in that tab"):
        open_checkpoint("image", str(folder("wan")))
    with pytest.raises(ModelError, match="is not on this machine; fetch it: eddyline models fetch flux-1-dev"):
        open_checkpoint("image", "flux-1-dev")


def test_lora_files_that_do_not_help_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("EDDYLINE_LORAS", str(tmp_path))
    found = model("flux")
    save_file({"a.weight": torch.zeros(2)}, tmp_path / "whole.safetensors")
    save_file(
        {"x.lora_A.weight": torch.zeros(2, 4), "x.lora_B.weight": torch.zeros(4, 2)}, tmp_path / "wrong.safetensors"
    )
    (tmp_path / "torn.safetensors").write_bytes(b"\0" * 40)
    for text, said in (
        ("ink", "'ink' is not here; there are torn, whole, wrong"),
        ("ink.pt", "ink.pt is no safetensors file"),
        ("whole", "whole.safetensors holds no LoRA layers; it may be a whole model"),
        ("torn", "torn.safetensors is damaged or no safetensors file"),
        ("wrong", "wrong.safetensors (does not fit|changes nothing in) FLUX.1; wrong: 1 layers, does not say"),
    ):
        with pytest.raises(ModelError, match=f"^lora: {said}" if "(" in said else f"^lora: {said.replace('.', '.')}"):
            with with_loras(found, text):
                pass
    parsed = asked_for("whole:0.5, wrong")
    assert [(each.path.stem, each.weight) for each in parsed] == [("whole", 0.5), ("wrong", 1.0)]
    with pytest.raises(ModelError, match="Stable Audio 3 takes no LoRA files"):
        with with_loras(model("stable_audio3"), "whole"):
            pass


def test_a_lora_file_changes_a_run_and_is_gone_after_it(tmp_path):
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict

    images = pipeline(PretrainedImages, "flux")
    network, settings = images.model.networks[0], ImageSettings(prompt="a cat", width=32, height=32, **ANY)
    before = events(images.generate(settings))[-1].items[0].pixels
    network.add_adapter(LoraConfig(r=2, target_modules=["to_v"], init_lora_weights=False), adapter_name="made")
    state = get_peft_model_state_dict(network, adapter_name="made")
    network.delete_adapters("made")
    path = tmp_path / "ink.safetensors"
    save_file({f"transformer.{key}": value.contiguous() for key, value in state.items()}, path)
    found = events(images.generate(settings.with_(lora=f"{path}:2.0")))
    assert "ink: " in found[0].text and not np.array_equal(found[-1].items[0].pixels, before)
    assert np.array_equal(events(images.generate(settings))[-1].items[0].pixels, before)
