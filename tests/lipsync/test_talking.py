"""The pipeline of talking faces with untrained networks: what stays, what follows the settings, what is refused."""

import numpy as np
import pytest
from lipsync.tiny import drawn_face, hum, tiny_pipeline

from pipelines.errors import SettingsError
from pipelines.events import Done, Note, Piece, Preview, Progress
from pipelines.lipsync.faces import Face
from pipelines.lipsync.painting import field, laid
from pipelines.media import Clip, Sound
from pipelines.settings import LipSyncSettings
from pipelines.visemes import JAW, phone_weights, resampled, shape_of

PLACED = {"mouth_x": 0.5, "mouth_y": 0.7, "mouth_width": 0.2, "seed": 3, "steps": 2, "head_motion": 0, "blinking": 0}


@pytest.fixture(scope="module")
def pipeline():
    return tiny_pipeline()


def done(events):
    events = list(events)
    assert isinstance(events[-1], Done)
    return events[-1].items[0], events


def test_a_still_speaks_as_long_as_its_voice_and_its_pieces_are_the_whole(pipeline):
    clip, events = done(pipeline.generate(LipSyncSettings(**PLACED), drawn_face(), hum(1.0)))
    assert clip.frames.shape == (30, 128, 128, 4) and clip.rate == 25 and clip.sound.seconds == pytest.approx(1.2)
    pieces = [event.item for event in events if isinstance(event, Piece)]
    assert np.array_equal(np.concatenate([piece.frames for piece in pieces]), np.stack(list(clip.frames)))
    together = np.concatenate([piece.sound.samples for piece in pieces], axis=1)
    assert np.array_equal(together, clip.sound.samples)
    assert any(isinstance(event, Preview) for event in events) and any(isinstance(event, Progress) for event in events)
    assert clip.visemes.weights.shape == (30, 17) and clip.visemes.rate == 25
    assert np.array_equal(clip.frames[7], list(clip.frames)[7]) and clip.frames[2:5].shape == (3, 128, 128, 4)


def test_nothing_outside_the_mouths_square_changes_and_transparency_stays(pipeline):
    face = drawn_face()
    clip, _ = done(pipeline.generate(LipSyncSettings(**PLACED), face, hum(0.5)))
    box = Face(64, 89.6, 25.6).corners(2.4)
    changed = np.zeros((128, 128), bool)
    for frame in clip.frames:
        assert np.array_equal(frame[..., 3], face.pixels[..., 3])
        changed |= (frame != face.pixels).any(-1)
    assert changed.any()
    changed[box.top : box.bottom, box.left : box.right] = False
    assert not changed.any()


def test_the_same_seed_is_the_same_clip_and_another_is_not(pipeline):
    first, again, other = (
        done(pipeline.generate(LipSyncSettings(**{**PLACED, "seed": seed}), drawn_face(), hum(0.5)))[0]
        for seed in (3, 3, 4)
    )
    assert np.array_equal(first.frames[5], again.frames[5]) and not np.array_equal(first.frames[5], other.frames[5])


def test_offset_moves_the_track_and_strength_zero_shuts_it(pipeline):
    def track(**changes):
        return done(pipeline.generate(LipSyncSettings(**PLACED, **changes), drawn_face(), hum(1.0)))[0].visemes.weights

    plain, late = track(), track(offset_ms=200)
    assert np.allclose(late[5:], plain[:-5], atol=1e-5) and np.allclose(late[:4, JAW], 0)
    assert (shape_of(plain, strength=0)[:, 0] == 0).all()


def test_a_silent_recording_is_said_and_keeps_the_mouth_shut(pipeline):
    silent = Sound(np.zeros((1, 24_000), np.float32), 24_000)
    clip, events = done(pipeline.generate(LipSyncSettings(**PLACED), drawn_face(), silent))
    assert any("silent" in event.text for event in events if isinstance(event, Note))
    assert (clip.visemes.weights[:, JAW] == 0).all() and (clip.visemes.weights[:, 0] == 1).all()


def test_a_clip_keeps_its_length_and_pace(pipeline):
    face = drawn_face()
    source = Clip(np.repeat(face.pixels[None], 12, 0), 30.0)
    clip, _ = done(pipeline.generate(LipSyncSettings(**PLACED), source, hum(0.2)))
    assert len(clip.frames) == 12 and clip.rate == 30 and clip.sound.seconds == pytest.approx(0.4)
    longer, events = done(pipeline.generate(LipSyncSettings(**PLACED), source, hum(1.0)))
    assert len(longer.frames) == 30 and any("last frame is held" in e.text for e in events if isinstance(e, Note))


def test_two_faces_have_each_a_voice(pipeline):
    settings = LipSyncSettings(**PLACED)
    clip, _ = done(pipeline.generate(settings, drawn_face(), hum(0.4), [hum(0.8, level=0.1)]))
    assert clip.sound.seconds == pytest.approx(1.0, abs=0.05)


def test_what_is_missing_is_named(pipeline):
    with pytest.raises(SettingsError, match="face: there is none"):
        list(pipeline.generate(LipSyncSettings(), None, hum(0.2)))
    with pytest.raises(SettingsError, match="text: nothing to say"):
        list(pipeline.generate(LipSyncSettings(), drawn_face()))
    with pytest.raises(SettingsError, match="mouth_x"):
        LipSyncSettings(mouth_x=0.5)


def test_guidance_is_strongest_at_the_mouth():
    bell = field()[0, 0]
    assert bell.max() == pytest.approx(1, abs=0.01) and bell.argmax() // 64 in (33, 34, 35)
    assert bell[0, 0] < 0.1 < 0.9 < bell[34, 32]


def test_a_matte_of_nothing_changes_nothing():
    import torch

    frame = drawn_face().pixels
    empty = torch.cat([torch.rand(3, 64, 64), -torch.ones(1, 64, 64)])
    assert np.array_equal(laid(frame, Face(64, 90, 26), empty).pixels, frame[58:123, 32:97])


def test_lips_meet_at_p_and_open_at_a():
    weights = phone_weights("_pɑpɑ_", [0.2, 0.1, 0.2, 0.1, 0.2, 0.2], 50)
    assert weights.shape == (50, 17) and np.allclose(weights[:, :15].sum(1), 1, atol=1e-4)
    jaw = weights[:, JAW]
    assert jaw[12] < 0.15 and jaw[20] > 0.6 and jaw[27] < 0.15 and jaw[-1] < 0.05 and jaw[0] < 0.05
    stressed = phone_weights("_pɑp_", [0.2, 0.1, 0.2, 0.1, 0.2], 50, [0, 0, 1, 0, 0])
    assert stressed[:, JAW].max() > phone_weights("_pɑp_", [0.2, 0.1, 0.2, 0.1, 0.2], 50, [0] * 5)[:, JAW].max()


def test_rows_between_are_blended_and_beyond_are_silent():
    rows = np.zeros((2, 17), np.float32)
    rows[:, 10] = (0.0, 1.0)
    rows[:, 0] = (1.0, 0.0)
    found = resampled(rows, 10, np.array([-5.0, 0.1, 9.0]))
    assert np.allclose(found[1, [0, 10]], 0.5) and np.allclose(found[[0, 2], 0], 1)
