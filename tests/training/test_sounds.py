"""What the sound starter learns from: notes and their names, captions, made sounds, crops, spans to fill in."""

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from starters import shaken

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mel import BANDS, SAMPLE_RATE, SILENCE, mel
from pipelines.codecs.pitches import BINS
from pipelines.errors import ModelError, StudioError
from pipelines.models.combs import GROUPS, combs
from pipelines.models.sound import SoundConfig, SoundModel, load_sound, sheet_of
from pipelines.models.weights import load_weights
from pipelines.score import NOTHING, Note, Score
from pipelines.score.composing import CHORDS, MATERIALS, RHYTHMS, SCALES, Part, compose, drum
from pipelines.score.frames import KEYS, LOWEST
from pipelines.score.instruments import BY_NAME, INSTRUMENTS
from pipelines.score.noises import MODIFIERS
from pipelines.score.notes import NOTE_WORDS, PITCHES, SPOKEN, readable, spelled
from pipelines.score.timbres import TIMBRES
from pipelines.training import sound
from pipelines.training.data import packages
from pipelines.training.data.effects import MAKERS
from pipelines.training.data.packages import Package
from pipelines.training.data.sound_captions import Facts, caption
from pipelines.training.data.sounds import LUFS, ROWS, SHARES, TAKES, Clip, SoundSet, is_held_out, level
from pipelines.training.objectives import logit_normal
from pipelines.training.sound import (
    ANYWHERE,
    CROPS,
    EMPTY,
    NAMELESS,
    NOTELESS,
    PATCH,
    Crops,
    SoundObjective,
    known_tokens,
    told,
)
from pipelines.training.sound import LOWEST as LOWEST_LEVEL

TINY = SoundConfig(
    BackboneConfig(BANDS, (240,), (PATCH,), dim=32, depth=2, heads=2, bottleneck=16, reference=True),
    TIMBRES, MODIFIERS, 16, 1,
)  # fmt: skip


@pytest.mark.parametrize(
    "prompt, read",
    [
        ("slow piano arpeggio in C minor", "slow piano arpeggio in notec minor"),
        ("A piano arpeggio in A minor", "A piano arpeggio in notea minor"),
        ("a piano playing in A", "a piano playing in notea"),
        ("a minor chord on a harp", "notea minor chord on a harp"),
        ("music in a minor key", "music in a minor key"),
        ("fiddle A minor scale down", "fiddle notea minor scale down"),
        ("a seventh chord", "a seventh chord"),
        ("A seventh chord", "notea seventh chord"),
        ("a note on a piano", "a note on a piano"),
        ("violin note A, loud", "violin note notea, loud"),
        ("C# major, D flat, eb, B\u266d", "notecsharp major, notecsharp, notedsharp, noteasharp"),
        ("Am F#m7 Cmaj7 G7", "notea minor notefsharp minor seventh notec major seventh noteg seventh"),
        ("I am d minor", "I am noted minor"),
        ("E-flat 7th", "notedsharp seventh"),
        ("C4 then A4", "notec then notea"),
        ("A\u266d and G sharp", "notegsharp and notegsharp"),
        ("rain on a window", "rain on a window"),
        ("it's a bird", "it's a bird"),
    ],
)
def test_note_names_are_read_however_they_are_spelled(prompt, read):
    assert spelled(prompt) == read


def test_notes_are_shown_as_a_person_writes_them():
    assert [spelled(f"on {name}") for name in SPOKEN] == [f"on {word}" for word in NOTE_WORDS]
    assert readable(" and ".join(NOTE_WORDS)) == " and ".join(SPOKEN)
    assert readable("a notebook of notes") == "a notebook of notes" and len(PITCHES) == 12


def parts(kind, quality="major", tempo="", direction="up", root=60, seconds=6.0):
    return Part(kind, root, quality, direction, tempo, 84, seconds)


@pytest.mark.parametrize("quality", ["major", "minor", "seventh"])
def test_chords_and_arpeggios_hold_the_notes_of_their_chord(quality):
    rng = np.random.default_rng(0)
    for kind in ("chord", "arpeggio"):
        classes = {(note.key - 62) % 12 for note in compose(parts(kind, quality, root=62), rng)}
        assert classes == {step % 12 for step in CHORDS[quality]}


@pytest.mark.parametrize("quality", ["major", "minor"])
def test_scales_melodies_and_progressions_stay_in_their_key(quality):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        for kind in ("scale", "melody", "progression"):
            notes = compose(parts(kind, quality, root=61, tempo="fast"), rng)
            assert {(note.key - 61) % 12 for note in notes} <= set(SCALES[quality]), kind
    up = [note.key for note in compose(parts("scale", quality), np.random.default_rng(0))][:8]
    down = [note.key for note in compose(parts("scale", quality, direction="down"), np.random.default_rng(0))][:8]
    assert up == sorted(up) and down == up[::-1] and up[-1] - up[0] == 12


def test_tempo_words_are_tempi():
    for kind in MATERIALS[2:]:
        rates = {}
        for tempo in ("slow", "", "fast"):
            counts = [len(compose(parts(kind, tempo=tempo), np.random.default_rng(seed))) for seed in range(12)]
            rates[tempo] = (min(counts), max(counts))
        assert rates["slow"][1] < rates["fast"][0], kind
        assert rates["slow"][0] < rates[""][0] < rates["fast"][0], kind


def test_rhythms_repeat_their_bar_and_a_roll_is_too_fast_to_count():
    rng = np.random.default_rng(0)
    assert all(len(line) in (1, 12, 16) for bars in RHYTHMS.values() for line in bars)
    rock = drum(RHYTHMS["rock beat", "rock drums", "rock drum beat"], "", 90, 5.0, rng)
    bar = 16 * min(note.seconds for note in rock)
    kicks = [round(note.start / bar * 16) % 16 for note in rock if note.key == 36]
    assert set(kicks) == {0, 8, 10} and [note.start for note in rock] == sorted(note.start for note in rock)
    roll = drum(("R",), "", 90, 4.0, rng)
    assert len(roll) > 60 and {note.key for note in roll} == {38}


def facts_of(kind, rng, instrument="violin", root=9):
    quality = "" if kind in ("note", "repeated") else "minor"
    tempo = "" if kind in ("note", "chord") else "slow"
    return Facts(kind, (), instrument, root, quality, "down" if kind == "scale" else "", tempo, "low", "soft")


@pytest.mark.parametrize("kind", MATERIALS)
def test_captions_say_what_is_played_and_nothing_else(kind):
    rng = np.random.default_rng(0)
    facts = facts_of(kind, rng)
    seen = {caption(facts, rng) for _ in range(500)}
    assert len(seen) > 40
    names = (facts.instrument, *BY_NAME[facts.instrument].synonyms)
    keyed = 0
    for text in seen:
        words = spelled(text).split()
        assert any(name in text for name in names), text
        said = [word for word in words if word.strip(",") in NOTE_WORDS]
        assert not said or {word.strip(",") for word in said} == {"notea"}, text
        keyed += bool(said)
        wrong = {"fast", "quick", "rapid", "major", "happy", "loud", "high", "up", "rising", "medium"}
        assert not wrong & set(text.replace(",", "").split()), text
        assert len(words) <= 15
    assert keyed > 0.6 * len(seen)


def test_a_black_key_has_two_names():
    rng = np.random.default_rng(0)
    seen = " | ".join(caption(Facts("note", (), "piano", 10), rng) for _ in range(200))
    assert "A sharp" in seen and "B flat" in seen


def test_one_combination_in_twenty_is_held_out_and_each_part_of_it_is_known_from_others():
    every = [
        (i.name, kind, root, q) for i in INSTRUMENTS for kind in TAKES for root in range(12) for q in ("", "major")
    ]
    held = [entry for entry in every if is_held_out(*entry)]
    assert len(held) / len(every) == pytest.approx(0.05, abs=0.01)
    left = set(every) - set(held)
    for place in range(3):
        assert {entry[place] for entry in held} <= {entry[place] for entry in left}


@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_made_sounds_are_heard_and_named(maker):
    for seed in range(3):
        wave, captions, notes = maker(np.random.default_rng(seed), 8 * SAMPLE_RATE)
        assert len(wave) == 8 * SAMPLE_RATE and np.isfinite(wave).all() and len(captions) >= 2
        heard = level(wave)
        assert heard.dtype == np.float32 and 0.02 < np.abs(heard).max() <= 1
        again, _, _ = maker(np.random.default_rng(seed), 8 * SAMPLE_RATE)
        assert np.array_equal(wave, again)
        assert all(note.start < 8 and note.seconds > 0 for note in notes)


@pytest.mark.parametrize("noise", ["drips", "footsteps", "clock", "knock", "heartbeat", "laser", "beeps"])
def test_what_happens_in_a_made_sound_is_where_its_notes_are(noise):
    maker = next(maker for maker in MAKERS if maker.__name__ == f"_{noise}")
    wave, _, notes = maker(np.random.default_rng(2), 8 * SAMPLE_RATE)
    energy = np.square(wave).reshape(-1, 240).mean(1)  # a hundredth of a second each
    begins = [int(100 * note.start) for note in notes if 0.1 < note.start < 7.8]
    assert len(begins) >= 3
    after = [energy[begin : begin + 6].max() for begin in begins]
    before = [energy[begin - 4 : begin - 1].mean() for begin in begins]
    assert min(after) > 0.02 * energy.max() and np.median(np.array(after) / np.array(before).clip(1e-12)) > 10


def test_clips_are_as_loud_as_the_pipeline_makes_its_sources():
    from pipelines.codecs.audio import loudness
    from pipelines.media import Sound
    from pipelines.sound.source import LEARNT_LUFS

    t = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    wave = 0.01 * np.sin(2 * np.pi * 440 * t)
    assert loudness(Sound(level(wave)[None], SAMPLE_RATE)) == pytest.approx(LUFS, abs=0.1) and LUFS == LEARNT_LUFS
    with pytest.raises(StudioError, match="silent"):
        level(np.zeros(24_000))


def test_a_debian_package_is_downloaded_checked_and_unpacked_but_not_installed(tmp_path, monkeypatch):
    calls = []

    def client(command, *, cwd, **_):
        calls.append(command)
        if command[0] == "apt-get":
            (cwd / "thing_1_all.deb").write_bytes(b"archive")
        else:
            (cwd / "usr").mkdir()

    monkeypatch.setattr(packages.subprocess, "run", client)
    digest = hashlib.sha256(b"archive").hexdigest()
    folder = Package("debian", "thing", "1:2~3", digest, "MIT", "sounds").fetch(tmp_path)
    assert calls == [["apt-get", "download", "thing=1:2~3"], ["dpkg-deb", "-x", "thing_1_all.deb", "."]]
    assert [path.name for path in folder.iterdir()] == ["usr"]
    with pytest.raises(StudioError, match="not used"):
        Package("debian", "other", "1", "0" * 64, "MIT", "sounds").fetch(tmp_path)


def sounds(count=40):
    """Clips whose every frame says which clip it is of, in band 0, and where in it, in band 1."""
    clips, frames, start = [], [], 0
    for index in range(count):
        length = 60 + 16 * index
        body = np.full((length, BANDS), 0.5, np.float16)
        body[:, 0], body[:, 1] = index / 64, np.arange(length) / 1024
        kind = ("note", "effect", "rhythm")[index % 3]
        facts = Facts("note", (), "piano", index % 12) if kind == "note" else Facts(kind, (f"sound {index}",))
        timbre = {"note": "program 0", "effect": "noise rain", "rhythm": "kit 0"}[kind]
        score = Score(timbre, (Note(0.0, 0.3, 60, 90), Note(0.4, 0.2, 64, 90)))
        clips.append(Clip(facts, start, length, index % 20 == 7, score))
        frames.append(body)
        start += length
    whole = np.concatenate(frames)
    return SoundSet(whole, clips, np.zeros((len(whole) // ROWS, BINS), np.float16))


def test_a_set_comes_back_as_it_was_saved(tmp_path):
    whole = sounds()
    whole.save(tmp_path)
    again = SoundSet.load(tmp_path)
    assert again.clips == whole.clips and np.array_equal(again.frames, whole.frames)
    assert np.array_equal(again.pitches, whole.pitches) and again.by_pitch(again.clips[2]).shape == (23, BINS)
    assert json.loads((tmp_path / "sounds.json").read_text())[0]["facts"]["instrument"] == "piano"
    with pytest.raises(StudioError, match="prepare sound"):
        SoundSet.load(tmp_path / "none")


def test_kinds_are_drawn_by_their_share():
    whole = sounds()
    shares = {}
    for clip, chance in zip(whole.clips, whole.weights(), strict=True):
        shares[clip.facts.kind] = shares.get(clip.facts.kind, 0) + chance
    total = sum(SHARES[kind] for kind in shares)
    assert shares == pytest.approx({kind: SHARES[kind] / total for kind in shares})
    assert sum(SHARES.values()) == pytest.approx(1)


def test_a_batch_depends_on_seed_and_step_alone_and_never_shows_what_is_held_out():
    crops = Crops(sounds().subset(held_out=False), TINY, seed=3)
    batch, again = crops.batch(5), Crops(sounds().subset(held_out=False), TINY, seed=3).batch(5)
    assert torch.equal(batch.data, again.data) and torch.equal(batch.sheet.curves, again.sheet.curves)
    shown, kinds, empty, total = set(), set(), 0, 0
    for step in range(150):
        batch = crops.batch(step)
        tokens = batch.data.shape[2] // PATCH
        assert (tokens, len(batch.data)) in {(t, c) for t, c, _ in CROPS}
        kinds.add((tokens, batch.known is not None))
        shown |= {round(float(v) * 64) for v in batch.data[:, 0, 0]}
        told = batch.sheet.curves.flatten(1).any(1) | (batch.sheet.timbre > 0)
        empty, total = empty + int((~told).sum()), total + len(told)
    assert len(kinds) == 8 and not {7, 27} & shown and len(shown) == 38
    assert empty / total == pytest.approx(0.1, abs=0.02)


def test_a_sound_that_is_made_begins_at_its_beginning_and_ends_in_silence():
    crops = Crops(sounds().subset(held_out=False), TINY)
    begun, anywhere, short = [], [], 0
    for step in range(120):
        batch = crops.batch(step)
        for row in batch.data:
            length = 60 + 16 * round(float(row[0, 0]) * 64)
            inside = row[2] != np.float32(SILENCE)
            if length > row.shape[1]:  # could begin anywhere
                assert inside.all()
                (begun if batch.known is None else anywhere).append(float(row[1, 0]) == 0)
            else:
                short += 1
                assert inside.sum() == length and inside[:length].all()
    assert np.mean(begun) == pytest.approx(1 - ANYWHERE, abs=0.04) and np.mean(anywhere) < 0.3 and short > 100


def test_a_sketch_knows_how_long_ago_a_note_was_struck():
    network = shaken(sound.sound_network(TINY))
    sheet = sheet_of(TINY, [Score("program 0", (Note(0, 8.0, 60, 100),))], 640)
    with torch.no_grad():
        mel = network.sketch(sheet)[0][0]
    # Nothing else that is told of a held note changes after two seconds.
    assert float((mel[:, 300] - mel[:, 500]).abs().mean()) > 10 * float((mel[:, 300] - mel[:, 301]).abs().mean()) > 0


def test_spans_to_fill_in_leave_something_known_and_something_to_do():
    rng = np.random.default_rng(0)
    kinds = {"begin": 0, "both": 0, "end": 0}
    for _ in range(600):
        tokens = int(rng.choice([count for count, *_ in CROPS]))
        known = known_tokens(tokens, rng)
        assert known.any() and not known.all()
        free = np.flatnonzero(~known)
        assert (np.diff(free) == 1).all()  # one span
        kinds["end" if not known[0] else "both" if known[-1] else "begin"] += 1
    assert kinds["begin"] / 600 == pytest.approx(0.5, abs=0.07) and kinds["both"] / 600 == pytest.approx(0.4, abs=0.07)


class Spy(torch.nn.Module):
    """Answers with a fixed clean estimate and keeps what it was asked."""

    def forward(self, x, sigma, sheet):
        self.x, self.sigma, self.sheet = x, sigma, sheet
        return torch.zeros_like(x)


def test_the_loss_counts_what_is_filled_in_alone_and_shows_the_rest_clean():
    crops = Crops(sounds().subset(held_out=False), TINY)
    objective = SoundObjective(crops, logit_normal(0.5, 1.0))
    filled = next(step for step in range(50) if crops.batch(step).known is not None)
    plain = next(step for step in range(50) if crops.batch(step).known is None)
    spy, batch = Spy(), crops.batch(filled)
    loss = objective(spy, filled)
    frames = batch.known.repeat_interleave(PATCH, dim=1)[:, None].expand_as(batch.data)
    assert torch.equal(spy.x[frames], batch.data[frames]) and not torch.equal(spy.x, batch.data)
    assert spy.sigma.shape == batch.known.shape and torch.equal(spy.sigma == 0, batch.known)
    errors = [
        float(batch.data[row][~frames[row]].square().mean() / max(float(spy.sigma[row].max()), LOWEST_LEVEL) ** 2)
        for row in range(len(batch.data))
    ]
    assert float(loss) == pytest.approx(np.mean(errors), rel=1e-4)
    objective(spy, plain)
    assert spy.sigma.ndim == 1


def trained(place, run, steps):
    """A trainer of the network in folder ``run``, beside a sketch that was trained for a moment."""
    if not (place / "sketch").exists():
        sounds().save(place / "data")
        list(sound.sketch(place / "data", place / "sketch", steps=2, config=TINY)[0].run())
    return sound.sound(place / "data", place / run, steps=steps, config=TINY)[0]


def test_training_runs_resumes_and_is_exported_as_a_model_that_loads(tmp_path):
    with pytest.raises(StudioError, match="train sketch"):
        sounds().save(tmp_path / "data")
        sound.sound(tmp_path / "data", tmp_path / "run", config=TINY)
    rows = list(trained(tmp_path, "run", 6).run(3, log_every=1))
    resumed = trained(tmp_path, "run", 6)
    assert resumed.step == 3
    rows += list(resumed.run(log_every=1))
    whole = trained(tmp_path, "other", 6).run(log_every=1)
    assert [row["loss"] for row in whole] == pytest.approx([row["loss"] for row in rows], rel=1e-4)
    (tmp_path / "run" / "metrics.json").write_text('[["instrument", "90%"]]')
    sound.export_sound(tmp_path / "run", tmp_path / "out", TINY)
    model = load_sound(tmp_path / "out")
    assert model.config == TINY
    x = torch.randn(1, BANDS, 8, generator=torch.Generator().manual_seed(0))
    assert model.velocity(x, torch.ones(1), model.encode([sounds().clips[0].score], 8)).isfinite().all()
    with pytest.raises(ModelError, match="does not know program 127"):
        model.encode([Score("program 127")], 8)
    described = json.loads((tmp_path / "out" / "config.json").read_text())
    (tmp_path / "out" / "config.json").write_text(json.dumps({**described, "timbres": None}))
    with pytest.raises(ModelError, match="does not fit this version"):
        load_sound(tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "fluidr3mono-gm-soundfont" in card and "| instrument | 90% |" in card and "6 of 4 to 20 crops" in card


def test_a_clip_is_told_whole_or_in_part_or_not_at_all():
    rng = np.random.default_rng(0)
    clip = sounds().clips[0]
    seen = [told(clip, rng) for _ in range(2000)]
    for part, share in (
        (clip.score, 1 - EMPTY - NAMELESS - NOTELESS), (NOTHING, EMPTY),
        (Score("", clip.score.notes), NAMELESS), (Score("program 0"), NOTELESS),
    ):  # fmt: skip
        assert seen.count(part) / 2000 == pytest.approx(share, abs=0.02)
    rain = replace(sounds().clips[1], facts=Facts("effect", ("heavy rain", "light rain")))
    assert {told(rain, rng).words for _ in range(50)} == {("heavy",), ("light",), ()}


def test_the_sketch_learns_from_scores_and_is_held_still_afterwards(tmp_path):
    sounds().save(tmp_path / "data")
    trainer, sketch = sound.sketch(tmp_path / "data", tmp_path / "sketch", steps=60, config=TINY)
    before = trainer.loss(sketch, 1000).item()
    list(trainer.run())
    assert trainer.loss(sketch, 1000).item() < 0.5 * before
    flow, network = sound.sound(tmp_path / "data", tmp_path / "run", steps=3, config=TINY)
    held = {name: tensor.clone() for name, tensor in network.sketch.named_parameters()}
    assert all(torch.equal(tensor, trainer.average[name]) for name, tensor in held.items())
    batch = flow.loss.crops.batch(1)
    x, told = torch.randn(batch.data.shape), batch.sheet.timbre > 0
    with torch.no_grad():
        clean, (mel, *_) = network(x, torch.ones(len(x)), batch.sheet), network.sketch(batch.sheet)
    assert torch.equal(clean[told], mel[told]) and not clean[~told].any()  # before the flow has learned anything
    list(flow.run())
    assert all(torch.equal(tensor, held[name]) for name, tensor in network.sketch.named_parameters())


def test_a_starter_is_trained_on_over_its_own_sketch(tmp_path):
    list(trained(tmp_path, "run", 2).run())
    sound.export_sound(tmp_path / "run", tmp_path / "ships", TINY)
    ships, apart = load_weights(tmp_path / "ships"), tmp_path / "apart" / "run"
    again, network = sound.sound(tmp_path / "data", apart, steps=2, warm=tmp_path / "ships", config=TINY)
    assert all(torch.equal(tensor, ships[name]) for name, tensor in network.named_parameters())
    assert again.settings.seed != sound.SOUND_SETTINGS.seed  # or it would see the same crops once more
    list(again.run())
    sound.export_sound(apart, tmp_path / "again", TINY)
    after = load_weights(tmp_path / "again")
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, ships[name])}
    assert changed and not any(name.startswith("sketch.") for name in changed)
    assert "which it went on from, held still" in (tmp_path / "again" / "README.md").read_text()


def test_the_flow_is_of_what_the_sketch_leaves(monkeypatch):
    network = shaken(sound.sound_network(TINY), 0, std=0.05)
    model = SoundModel(network)
    condition = model.encode([sounds().clips[0].score], 8 * PATCH)
    seen = []
    monkeypatch.setattr(network.backbone, "forward", lambda x, *rest: seen.append(x) or torch.zeros_like(x))
    x = torch.randn(1, BANDS, 8 * PATCH)
    for sigma in (torch.tensor([0.3]), torch.full((1, 8), 0.3)):
        velocity = model.velocity(x, sigma, condition)
        assert torch.allclose(seen[-1], x - 0.7 * condition.sketch, atol=1e-5)
        assert torch.allclose(velocity, (x - condition.sketch) / 0.3, atol=1e-4)


def test_overtones_stand_where_a_key_sounds():
    found = combs(BANDS).reshape(KEYS, len(GROUPS), BANDS)
    for key in (45, 69, 93):
        hertz = 440 * 2 ** ((key - 69) / 12) * np.arange(1, 5)
        wave = torch.from_numpy(np.sin(2 * np.pi * hertz[:, None] * np.arange(12_000) / SAMPLE_RATE))
        heard = mel(wave.float())[:, :, 20].argmax(1)  # of each overtone alone
        assert [int(found[key - LOWEST, group].argmax()) for group in range(4)] == heard.tolist()
    assert not found[KEYS - 1, -1].any() and (found >= 0).all()  # above what is heard


def test_a_condition_of_a_loop_turns_with_it():
    network = shaken(sound.sound_network(TINY), 0, std=0.05)
    condition = SoundModel(network).encode([sounds().clips[0].score], 40 * PATCH)
    turned = condition.turned(13)
    assert torch.equal(turned.sketch[:, :, : 27 * PATCH], condition.sketch[:, :, 13 * PATCH :])
    assert torch.equal(turned.aligned[:, 27:], condition.aligned[:, :13]) and torch.equal(
        turned.pooled, condition.pooled
    )
    assert not torch.equal(turned.aligned, condition.aligned)
