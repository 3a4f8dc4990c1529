"""The transcriber: targets, what it hears after a little training, and notes out of its answers."""

import numpy as np
import pytest
import torch

from pipelines.codecs.mel import BANDS, FRAME_RATE, SAMPLE_RATE, mel
from pipelines.codecs.pitches import BINS, PER_SEMITONE, pitches
from pipelines.errors import ModelError
from pipelines.models.transcriber import ROW, Transcriber, _stretches, load_transcriber
from pipelines.score import Note, Score
from pipelines.score.frames import KEYS, LOWEST
from pipelines.training import transcriber
from pipelines.training.data.sound_captions import Facts
from pipelines.training.data.sounds import Clip, SoundSet


def wave(notes, seconds=3.0):
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    out = np.zeros(len(t))
    for start, length, key, _ in notes:
        at = (t >= start) & (t < start + length)
        hertz = 440 * 2 ** ((key - 69) / 12)
        out += at * np.exp(-2 * (t - start)) * sum(np.sin(2 * np.pi * hertz * k * t) / k for k in (1, 2, 3))
    return torch.from_numpy((0.15 * out).astype(np.float32))[None]


@pytest.mark.parametrize("key", [45, 60, 69, 84])
def test_a_tone_stands_at_its_pitch(key):
    rows = pitches(wave([Note(0, 3.0, key, 80)]))
    assert rows.shape == (1, BINS, -(-3 * SAMPLE_RATE // 1024))
    peak = int(rows[0, :, 20].argmax())
    assert (peak / PER_SEMITONE + LOWEST - key) % 12 == pytest.approx(0, abs=0.4) or peak // 3 + LOWEST in (
        key,
        key + 12,
    )


def test_rows_say_what_is_struck_and_held():
    score = Score("program 0", (Note(10 * ROW / FRAME_RATE, 8 * ROW / FRAME_RATE, 60, 80),))
    struck, held, moments = transcriber.rolls(score, 30, 0)
    assert struck[10, 60 - LOWEST] == struck.sum() == 1 and held[10:18, 60 - LOWEST].all() and held.sum() == 8
    assert moments[10] == 0 and (np.delete(moments, 10) == -1).all()
    later, going, _ = transcriber.rolls(score, 30, 14)
    assert not later.any() and going[:4, 60 - LOWEST].all() and going.sum() == 4


def test_strokes_are_told_apart_and_a_key_that_is_let_go_ends():
    begin, on = [0.0] * 20, [0.0] * 20
    begin[3], begin[4], begin[9] = 0.9, 0.6, 0.8
    on[3:7], on[9:20] = [0.9] * 4, [0.9] * 11
    assert _stretches(begin, on) == [(3, 7), (9, 20)]
    assert _stretches([0.0] * 5, [1.0] * 5) == []


def sounds(count=24):
    rng = np.random.default_rng(0)
    clips, frames, rows, start = [], [], [], 0
    for _ in range(count):
        notes = tuple(Note(0.5 * place, 0.45, int(key), 90) for place, key in enumerate(rng.integers(60, 66, 6)))
        heard = torch.nn.functional.pad(wave(notes), (0, -72_000 % 1024))
        found = mel(heard)[0].T.numpy().astype(np.float16)
        clips.append(Clip(Facts("melody", (), "piano", 0), start, len(found), False, Score("program 0", notes)))
        frames.append(found)
        rows.append(pitches(heard)[0].T.numpy().astype(np.float16))
        start += len(found)
    return SoundSet(np.concatenate(frames), clips, np.concatenate(rows))


def test_it_learns_to_hear_and_is_exported_as_one_that_loads(tmp_path, monkeypatch):
    monkeypatch.setattr(transcriber, "WIDTH", 64)
    monkeypatch.setattr(transcriber, "DEPTH", 2)
    sounds().save(tmp_path / "data")
    trainer, _ = transcriber.transcriber(tmp_path / "data", tmp_path / "run", steps=250)
    first = trainer.loss(trainer.model, 0).item()
    list(trainer.run())
    assert trainer.loss(trainer.model, 0).item() < 0.4 * first
    transcriber.export(tmp_path / "run", tmp_path / "out")
    ear = load_transcriber(tmp_path / "out")
    wanted = [Note(0.5 * place, 0.45, 60 + place % 6, 90) for place in range(6)]
    heard = torch.nn.functional.pad(wave(wanted), (0, -72_000 % 1024))
    notes = ear.notes(mel(heard), pitches(heard))
    near = [n for n in notes for w in wanted if n.key == w.key and abs(n.start - w.start) < 0.09]
    assert len(near) >= 4 and all(0 < n.seconds <= 3.1 and LOWEST <= n.key < LOWEST + KEYS for n in notes)
    (tmp_path / "out" / "config.json").write_text('{"shards": {}}')
    with pytest.raises(ModelError, match="does not fit this version"):
        load_transcriber(tmp_path / "out")


def test_silence_holds_no_notes():
    torch.manual_seed(0)
    ear = Transcriber(BINS, 16, 1).eval()
    ear.struck.bias.data.fill_(-9)
    assert ear.notes(torch.zeros(1, BANDS, 40), torch.zeros(1, BINS, 10)) == ()
