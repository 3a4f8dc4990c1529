"""Sounds from words, sounds from sounds, sounds that go on: with a small random model and a plain decoder."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from starters import shaken

from pipelines.backbone import BackboneConfig
from pipelines.codecs.audio import loudness, resampled
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE, bands_of, mel
from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done, Note, Preview, Progress
from pipelines.flow import CLAMP, conditioned, sigma_grid
from pipelines.flow.filling import fill
from pipelines.flow.rules import rule_named
from pipelines.flow.schedule import shift
from pipelines.media import Sound
from pipelines.models.sound import SoundConfig, SoundModel
from pipelines.score import NOTHING, Score, read_prompt, scored
from pipelines.score import Note as Struck
from pipelines.score.noises import MODIFIERS
from pipelines.score.timbres import TIMBRES
from pipelines.settings import SoundEditSettings, SoundSettings
from pipelines.sound import SoundPipeline
from pipelines.sound.extending import CONTEXT, FADE, WINDOW
from pipelines.sound.filling import PATCH, seam, turned
from pipelines.sound.pipeline import LOOP_FADE, STRAY, _between, _closed
from pipelines.sound.source import LEARNT_LUFS, Source
from pipelines.training.sound import sound_network

TINY = SoundConfig(
    BackboneConfig(
        channels=BANDS, grid=(240,), patch=(PATCH,), dim=32, depth=2, heads=2, bottleneck=16, reference=True
    ),
    TIMBRES, MODIFIERS, 16, 1,
)  # fmt: skip
HEARD = (Struck(0.1, 0.3, 69, 84), Struck(0.6, 0.3, 72, 84))  # by the ear of these tests, in whatever it is given
HERTZ = torch.linspace(80, 6000, BANDS)


def decoder(latent):
    """A sine a band, as loud as its frames say: [B, BANDS, T] to [B, 256 T]."""
    t = torch.arange(latent.shape[2] * HOP) / SAMPLE_RATE
    loud = bands_of(latent.clamp(max=1.5)).repeat_interleave(HOP, dim=2)
    return 1e-3 * (loud * torch.sin(2 * torch.pi * HERTZ[:, None] * t)).sum(1)


class Watched(SoundModel):
    """Notes what the network is asked."""

    calls: list
    told: list

    def encode(self, scores, frames, start=0):
        self.told.append((tuple(scores), frames, start))
        return super().encode(scores, frames, start)

    def velocity(self, x, sigma, condition, tap=None):
        self.calls.append((x.clone(), sigma.clone()))
        return super().velocity(x, sigma, condition, tap)


@pytest.fixture(scope="module")
def model():
    made = Watched(shaken(sound_network(TINY, 0), 0, std=0.05), "tiny")
    made.calls, made.told = [], []
    return made


@pytest.fixture
def pipeline(model):
    model.calls.clear()
    model.told.clear()
    return SoundPipeline(model, decoder, lambda source: HEARD)


def tone(seconds=2.0, rate=SAMPLE_RATE, channels=1, hertz=330.0, level=0.2):
    t = np.arange(round(seconds * rate)) / rate
    wave = level * np.sin(2 * np.pi * hertz * t) * (1 + 0.5 * np.sin(2 * np.pi * 3 * t)) / 1.5
    right = 0.7 * np.roll(wave, 5)
    return Sound(np.stack([wave, right][:channels]).astype(np.float32), rate)


def wanted(**changes):
    return SoundSettings(
        **{"prompt": "piano note A", "steps": 4, "seconds": 1.5, "seed": 3, "guidance": 2.0, **changes}
    )


def change(**changes):
    return SoundEditSettings(**{"prompt": "strings", "source_prompt": "piano", "steps": 4, "seed": 3, **changes})


def done(events):
    return [event for event in events if isinstance(event, Done)][-1]


def test_a_sound_has_the_length_and_the_loudness_asked_for(pipeline):
    for seconds, lufs in ((1.0, -18.0), (2.37, -26.0)):
        result = done(pipeline.generate(wanted(seconds=seconds, loudness=lufs)))
        (sound,) = result.items
        assert sound.samples.shape == (1, round(seconds * SAMPLE_RATE)) and sound.sample_rate == SAMPLE_RATE
        assert loudness(sound) == pytest.approx(lufs, abs=0.3)
        assert result.calls == 8  # two branches a step


def test_one_of_three_is_the_same_as_one_alone(pipeline):
    three = done(pipeline.generate(wanted(count=3)))
    alone = done(pipeline.generate(wanted(seed=4)))
    assert three.seeds == (3, 4, 5)
    assert np.allclose(three.items[1].samples, alone.items[0].samples, atol=1e-4)
    assert not np.allclose(three.items[1].samples, three.items[0].samples, atol=1e-2)


def test_progress_counts_every_step_and_one_preview_shows_the_middle(pipeline):
    events = list(pipeline.generate(wanted(steps=8)))
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(1, 9))
    (preview,) = [event for event in events if isinstance(event, Preview)]
    assert preview.items[0].samples.shape == (1, 36_000)
    kinds = [type(event) for event in events if isinstance(event, Preview | Progress)]
    assert kinds.index(Preview) == 4


def test_a_note_is_known_by_its_name_and_shown_by_it(pipeline):
    prompt = "A minor arpeggio on a pianno with a qwzrt"
    notes = [event.text for event in pipeline.generate(wanted(prompt=prompt)) if isinstance(event, Note)]
    assert notes == ["Not understood and left out: qwzrt", "Read as: pianno as piano"]


@pytest.mark.parametrize(
    "prompt", ["qwzrt", "\u96e8", "\U0001f3b9", "<script>alert(1)</script>", "very loud", "x" * 300]
)
def test_words_that_name_nothing_are_refused_with_an_example(pipeline, prompt):
    with pytest.raises(SettingsError, match="names no instrument.*write for example 'slow piano arpeggio"):
        list(pipeline.generate(wanted(prompt=prompt)))
    with pytest.raises(SettingsError, match="names no instrument"):
        list(pipeline.edit(change(prompt=prompt), tone()))


def test_what_is_told_is_the_score_of_the_prompt_and_for_guidance_nothing(pipeline, model):
    list(pipeline.generate(wanted(prompt="slow piano arpeggio in C minor", count=2)))
    (asked, frames, start), (away, *_) = model.told
    assert [score.timbre for score in asked] == ["program 0"] * 2 and away == (NOTHING, NOTHING)
    assert {note.key % 12 for note in asked[0].notes} == {0, 3, 7}
    assert asked[0] == scored(read_prompt("slow piano arpeggio in C minor"), 1.5, 3) != asked[1]
    assert frames == 36 * PATCH and start == 0


def test_filling_in_keeps_what_is_known_to_the_bit(model):
    model.calls.clear()
    data = torch.randn(2, BANDS, 24 * PATCH, generator=torch.Generator().manual_seed(0))
    known = torch.zeros(24, dtype=torch.bool)
    known[:9] = known[20:] = True
    both = [scored(read_prompt(name), 2, 0) for name in ("rain", "wind")]
    velocity = conditioned(model, model.encode(both, 24 * PATCH))
    sigmas = sigma_grid(5, shift(2.0), end=CLAMP)
    steps = list(fill(velocity, data, known, sigmas, rule_named("ab2"), [1, 2]))
    frames = known.repeat_interleave(PATCH)
    for step in steps:
        assert torch.equal(step.clean[:, :, frames], data[:, :, frames])
    assert (steps[-1].clean - data)[:, :, ~frames].abs().mean() > 0.5
    for x, sigma in model.calls:
        assert torch.equal(x[:, :, frames], data[:, :, frames])
        assert sigma.shape == (2, 24) and not sigma[:, known].any() and (sigma[:, ~known] >= CLAMP - 1e-6).all()
    again = list(fill(velocity, data, known, sigmas, rule_named("ab2"), [2, 1]))[-1].clean
    assert not torch.allclose(again[0], steps[-1].clean[0], atol=1e-2)


def test_a_loop_is_made_anew_around_its_ends_alone(pipeline, model):
    result = done(pipeline.generate(wanted(loop=True, seconds=2.0)))
    plain = done(pipeline.generate(wanted(seconds=2.0)))
    tokens = 47
    assert result.items[0].samples.shape[1] == tokens * PATCH * HOP and result.calls == 16
    assert plain.items[0].samples.shape[1] == 48_000
    known = seam(tokens)
    latent = torch.arange(tokens * PATCH, dtype=torch.float32)[None, None]
    moved = turned(latent, tokens // 2)
    free = moved[0, 0, (~known).repeat_interleave(PATCH)]
    assert {float(free.min()), float(free.max())} == {0.0, tokens * PATCH - 1.0}  # both ends lie inside, side by side
    assert torch.equal(turned(moved, tokens - tokens // 2), latent)


def test_a_loop_runs_on_where_it_begins_again():
    # A wave that goes on past its end with another phase than it began with, as a vocoder's does.
    before, samples = 32 * HOP, 24_000
    t = np.arange(before + samples + 32 * HOP) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * 333.3 * t)[None].astype(np.float32)
    loop = _closed(wave, before, samples)[0]
    cut = wave[0, before : before + samples]
    usual = np.abs(np.diff(wave[0])).max()
    assert abs(cut[0] - cut[-1]) > 5 * usual  # cut out, it clicks
    assert abs(loop[0] - loop[-1]) <= 1.01 * usual
    twice = np.abs(np.diff(np.concatenate([loop, loop])))
    assert twice.max() <= 1.6 * usual
    fade = round(LOOP_FADE * SAMPLE_RATE)
    assert np.array_equal(loop[fade:], cut[fade:])


@pytest.mark.parametrize("method", ["rf-edit", "flowedit", "magicmix", "sdedit"])
def test_every_method_changes_the_sound_and_keeps_its_length(pipeline, method):
    source = tone(1.3, 44_100, 2)
    result = done(pipeline.edit(change(method=method, strength=1.0, guidance=4.0), source))
    (sound,) = result.items
    assert sound.samples.shape == (1, round(1.3 * SAMPLE_RATE)) and sound.sample_rate == SAMPLE_RATE
    assert loudness(sound) == pytest.approx(-18, abs=0.5)
    before = mel(torch.from_numpy(Source.of(source).wave)[None])
    after = mel(torch.from_numpy(sound.samples))
    assert (before - after).abs().mean() > 0.05


def test_an_edit_gives_the_notes_that_were_heard_to_the_new_instrument(pipeline, model):
    events = list(pipeline.edit(change(source_prompt="piano", prompt="strings"), tone(1.3)))
    ((was,), frames, _), ((wanted_score,), *_) = model.told
    assert was == Score("program 0", HEARD) and wanted_score == Score("program 48", HEARD) and frames == 124
    assert [event.text for event in events if isinstance(event, Note)] == ["2 notes were heard in the sound."]


def test_going_on_is_told_what_was_heard_and_new_notes_after_it(pipeline, model):
    list(pipeline.edit(change(prompt="piano arpeggio in C major", extend=4.0), tone(3.0)))
    told = [each for each in model.told if each[0][0] != NOTHING]
    ((score,), frames, start), last = told[0], told[-1]
    assert score.notes[:2] == HEARD and score.notes[2].start == pytest.approx(3.0, abs=0.1)
    assert start == 0 and len(told) == 2 and last[0] == (score,)
    assert last[1] + last[2] >= round(7.0 * SAMPLE_RATE / HOP) and frames + start < last[1] + last[2]


def test_an_edit_between_equal_words_is_the_sound_itself(pipeline):
    source = tone(1.3, 44_100, 2)
    result = done(pipeline.edit(change(source_prompt="piano", prompt="piano", solver="alf"), source))
    expected = Source.of(source).wave
    got = result.items[0].samples[0]
    gain = float(np.dot(got, expected) / np.dot(expected, expected))
    assert np.abs(got - gain * expected).max() < 1e-4


def test_what_goes_on_is_the_original_to_the_bit_before_the_crossfade(pipeline, model):
    source = tone(3.0, 44_100, 2)
    events = list(pipeline.edit(change(extend=5.0, guidance=1.0), source))
    (sound,) = done(events).items
    assert sound.sample_rate == 44_100 and sound.samples.shape == (2, round(8.0 * 44_100))
    kept = source.samples.shape[1] - round(FADE * 44_100)
    assert np.array_equal(sound.samples[:, :kept], source.samples[:, :kept])
    assert not np.array_equal(sound.samples[:, kept : kept + 400], source.samples[:, kept : kept + 400])
    usual = np.abs(np.diff(sound.samples[0])).max()
    assert np.abs(np.diff(sound.samples[0, kept - 2 : kept + 2])).max() <= usual
    assert sound.samples[:, -1] == pytest.approx(0, abs=1e-3)
    steps = [event for event in events if isinstance(event, Progress)]
    assert [event.done for event in steps] == list(range(1, 9)) and steps[-1].total == 8
    longest = max(x.shape[2] for x, _ in model.calls)
    assert longest <= (CONTEXT + WINDOW) * PATCH  # however long the sound


def test_going_on_hears_the_end_of_the_sound(pipeline, model):
    done(pipeline.edit(change(extend=1.0), tone(6.0)))
    x, sigma = model.calls[0]
    known = (sigma[0] == 0).repeat_interleave(PATCH)
    heard = Source.of(tone(6.0))
    whole = mel(torch.from_numpy(heard.wave[len(heard.wave) % (HOP * PATCH) :])[None])
    frames = int(known.sum())
    assert frames == 95 * PATCH
    assert torch.allclose(x[:1, :, :frames].float(), whole[:, :, -96 * PATCH : -PATCH], atol=1e-4)


@pytest.mark.parametrize(
    "sound, message",
    [
        (Sound(np.zeros((1, 24_000), np.float32), 24_000), "is silent"),
        (Sound(np.full((1, 1), 0.5, np.float32), 24_000), "at least 0.1 s"),
        (tone(11.0), "at most 10 s"),
    ],
)
def test_what_cannot_be_edited_is_refused_with_a_reason(pipeline, sound, message):
    with pytest.raises(MediaError, match=message):
        list(pipeline.edit(change(), sound))


def test_a_long_sound_may_still_go_on(pipeline):
    (sound,) = done(pipeline.edit(change(extend=0.5), tone(11.0))).items
    assert sound.seconds == pytest.approx(11.5)


def test_samples_that_are_no_numbers_make_no_sound():
    with pytest.raises(MediaError, match="between -1 and 1"):
        Sound(np.full((1, 100), np.nan, np.float32), 24_000)
    with pytest.raises(SettingsError, match="prompt: is empty"):
        SoundSettings(prompt="  ")


def test_a_source_is_brought_to_the_loudness_that_the_model_knows():
    quiet, loud = (Source.of(tone(level=level)) for level in (0.01, 0.9))
    assert np.allclose(quiet.wave, loud.wave, atol=1e-3)
    assert loudness(Sound(quiet.wave[None], SAMPLE_RATE)) == pytest.approx(LEARNT_LUFS, abs=0.1)
    latent = quiet.latent()
    assert latent.shape == (1, BANDS, 188) and latent.shape[2] % PATCH == 0


def test_closing_the_run_stops_it(pipeline, model):
    events = pipeline.generate(wanted(steps=50, guidance=1.0))
    while not isinstance(next(events), Progress):
        pass
    events.close()
    assert len(model.calls) == 1


def test_resampling_keeps_the_place_of_the_cut():
    source = tone(2.0, 48_000)
    assert Source.of(source).wave.shape == resampled(source, SAMPLE_RATE).samples[0].shape
    assert replace(source, sample_rate=24_000).seconds == 4.0


def test_an_edit_strays_no_further_than_what_was_and_what_is_asked_for():
    source, sketch = torch.full((1, 100, 8), -0.5), torch.full((1, 100, 8), 0.5)
    swelling = torch.linspace(-3, 3, 8).expand(1, 100, -1)
    kept = _between(swelling, source, sketch)
    assert float(kept.min()) == pytest.approx(-0.5 - STRAY) and float(kept.max()) == pytest.approx(0.5 + STRAY)
    assert torch.equal(_between(source, source, sketch), source)
