"""Tracks: from the phones of what is read, and from what is heard, window by window."""

import numpy as np
import pytest
from lipsync.tiny import drawn_face, hum, tiny_pipeline
from speech.voices import tiny_pipeline as tiny_speech

from pipelines.events import Done
from pipelines.lipsync.tracks import RATE, WINDOW, Listener, blinked, heard, track_of_text
from pipelines.media import Sound
from pipelines.settings import LipSyncSettings, SpeechSettings
from pipelines.visemes import BLINK, JAW


def test_a_text_is_said_with_the_voices_own_times():
    speech = tiny_speech()
    settings = SpeechSettings(text="The map. My papa.", seed=1, steps=1)
    track = track_of_text(speech, settings)
    *_, done = speech.generate(settings)
    assert len(track.weights) / RATE == pytest.approx(done.items[0].seconds, abs=0.05)
    pipeline = tiny_pipeline(speech=speech)
    asked = LipSyncSettings(text=settings.text, mouth_x=0.5, mouth_y=0.7, seed=1, steps=1, blinking=0, head_motion=0)
    *_, said = pipeline.generate(asked, drawn_face())
    assert isinstance(said, Done)
    clip = said.items[0]
    assert clip.sound.words[0].text == "The" and clip.seconds == pytest.approx(done.items[0].seconds + 0.2, abs=0.1)
    middle = round((clip.sound.words[1].start + 0.02) * 25)  # the m of "map"
    assert clip.visemes.weights[middle, JAW] < clip.visemes.weights[:, JAW].max()


def test_a_long_recording_is_heard_window_by_window_and_every_row_once():
    listener = Listener(tiny_pipeline().listener)
    sound = hum(15.0)
    parts = list(heard(listener, sound, 1))
    assert len(parts) == 3 and parts[-1][0] == 1.0 and parts[0][0] < parts[1][0] < 1
    rows = np.concatenate([rows for _, rows in parts])
    assert len(rows) == round(15 * RATE) and max(len(rows) for _, rows in parts) <= WINDOW
    assert np.allclose(rows[:, :15].sum(1), 1, atol=1e-4) and rows.min() >= 0 and rows.max() <= 1


def test_stereo_of_any_rate_is_heard_and_pauses_shut_the_mouth():
    wave = hum(2.0, 44_100).samples
    wave = np.concatenate([wave, np.zeros((1, 44_100), np.float32)], 1)
    rows = np.concatenate(
        [r for _, r in heard(Listener(tiny_pipeline().listener), Sound(np.repeat(wave, 2, 0), 44_100), 1)]
    )
    assert len(rows) == round(3 * RATE) and (rows[-40:, JAW] == 0).all() and (rows[-40:, 0] == 1).all()


def test_blinks_come_as_often_as_asked():
    still = np.zeros((1500, 17), np.float32)
    counts = [
        int((np.diff((blinked(still, 25.0, often, 3)[:, BLINK] > 0.5).astype(int)) == 1).sum()) for often in (0, 0.4, 1)
    ]
    assert counts[0] == 0 < counts[1] < counts[2] < 45
