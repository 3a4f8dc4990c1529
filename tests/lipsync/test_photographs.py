"""Photographs: where the lips go, what stays, and how faces are found and followed; the networks are stood in for."""

import numpy as np
import pytest
from lipsync.tiny import hum, tiny_pipeline

from pipelines.errors import MediaError
from pipelines.events import Done, Note
from pipelines.lipsync.blinking import Eye, shut
from pipelines.lipsync.faces import Face
from pipelines.lipsync.finding import Finder, drawn, settled
from pipelines.lipsync.moving import CHIN, CORNERS, LOWER, NOSE, UPPER, Lips, moved
from pipelines.lipsync.swaying import Life
from pipelines.media import Clip, Picture
from pipelines.models.landmarks import Region, region_of
from pipelines.settings import LipSyncSettings


def landmarks(x=100.0, y=120.0, width=40.0, gap=0.0):
    """A face's landmarks with a mouth there; all others lie on its rim."""
    angle = np.linspace(0, 2 * np.pi, 468, endpoint=False)
    points = np.stack([x + 2 * width * np.cos(angle), y - width * 0.6 + 2.2 * width * np.sin(angle)], -1)
    across = np.linspace(-0.5, 0.5, 11) * 0.9
    bow = np.sqrt(1 - (across / 0.45) ** 2) * gap * width / 2
    points[list(UPPER)] = np.stack([x + across * width, y - bow], -1)
    points[list(LOWER)] = np.stack([x + across * width, y + bow], -1)
    points[list(CORNERS)] = [(x - width / 2, y), (x + width / 2, y)]
    points[CHIN], points[NOSE], points[4] = (x, y + 0.8 * width), (x, y - 0.4 * width), (x, y - 0.6 * width)
    points[234], points[454] = (x - 1.5 * width, y - width), (x + 1.5 * width, y - width)
    return points.astype(np.float32)


def photograph(side=220, seed=0):
    """Skin that differs from pixel to pixel, with a dark line for a mouth at (100, 120)."""
    rng = np.random.default_rng(seed)
    pixels = np.full((side, side, 4), 255, np.uint8)
    pixels[..., :3] = np.clip(rng.normal(0, 14, (side, side, 3)) + (200, 160, 140), 0, 255)
    pixels[119:122, 80:120, :3] = (120, 60, 60)
    return pixels


def face_of(points):
    lips = Lips.of(points)
    return Face(lips.x, lips.y, lips.width, engine="photograph", landmarks=points)


def put(frame, patch):
    made = frame.copy()
    high, wide = patch.pixels.shape[:2]
    made[patch.top : patch.top + high, patch.left : patch.left + wide] = patch.pixels
    return made


class Faces:
    """Finds the faces that it is told of, by frame, and counts how often it looks."""

    def __init__(self, by_frame):
        self.by_frame, self.looks = by_frame, 0

    def find(self, frame):
        self.looks += 1
        return [Region(float(p[:, 0].mean()), float(p[:, 1].mean()), 200.0, 0.0) for p in self._in(frame)]

    def mesh(self, frame, region):
        near = [p for p in self._in(frame) if abs(p[:, 0].mean() - region.x) < 40]
        return near[0] if near else None

    def _in(self, frame):
        return self.by_frame[int(frame[0, 0, 0])]


def numbered(count):
    """Frames that say their number in their first pixel."""
    frames = np.repeat(photograph()[None], count, 0)
    frames[:, 0, 0, 0] = np.arange(count)
    return frames


@pytest.mark.parametrize("opened", [0.3, 0.6, 1.0])
def test_the_mouth_opens_as_far_as_it_is_told(opened):
    frame = photograph()
    made = put(frame, moved(frame, face_of(landmarks()), np.array([opened, 0, 0, 0, 0], np.float32)))
    column = made[:, 100, :3].astype(int).max(1)
    inside = np.flatnonzero(column < 150)  # the lips' dark line too
    assert len(inside) == pytest.approx(0.42 * 40 * opened + 2, abs=3)


def test_a_mouth_that_is_shut_already_is_left_to_the_bit_and_an_open_one_is_shut():
    frame = photograph()
    still = put(frame, moved(frame, face_of(landmarks()), np.zeros(5, np.float32)))
    assert np.array_equal(still, frame)
    talking = frame.copy()
    talking[114:127, 84:116, :3] = (10, 5, 5)
    face = face_of(landmarks(gap=0.3))
    closed = put(talking, moved(talking, face, np.zeros(5, np.float32)))
    assert (talking[:, 100, :3].max(1) < 60).sum() == 13 and (closed[:, 100, :3].max(1) < 60).sum() <= 2


def test_far_from_the_mouth_nothing_changes():
    frame = photograph()
    made = put(frame, moved(frame, face_of(landmarks()), np.array([1, -0.8, 1, 1, 0], np.float32)))
    changed = (made != frame).any(-1)
    assert changed[110:170, 60:140].any()
    changed[88:195, 22:178] = False
    assert not changed.any()


def test_teeth_are_as_light_as_the_face():
    def teeth(dim):
        frame = photograph()
        frame[..., :3] = frame[..., :3] // dim
        made = put(frame, moved(frame, face_of(landmarks()), np.array([0.8, 0, 1, 0, 0], np.float32)))
        return made[112:134, 95:106, :3].mean(-1).max()

    assert teeth(1) > 150 > 110 > teeth(4) > 20


def test_an_eye_shuts_by_what_is_above_it():
    frame = photograph()
    frame[60:70, 90:110, :3] = 255
    across = np.linspace(-1, 1, 9, dtype=np.float32)
    bow = 0.5 * np.sqrt(1 - across**2).astype(np.float32)
    eye = Eye(100, 65, 10, 0.0, across, -bow, bow)
    made = shut(frame, eye, 1.0)
    assert frame[65, 97:103, :3].min() == 255 and made[65, 97:103, :3].max() < 250
    assert np.array_equal(shut(frame, eye, 0.0), frame) and np.array_equal(made[80:], frame[80:])


def test_a_still_head_stays_to_the_bit_and_ends_where_it_began():
    from pipelines.lipsync.faces import Box

    frame, track = photograph(), np.zeros((50, 17), np.float32)
    face = Face(100, 120, 40, box=Box(60, 40, 140, 160))
    assert np.array_equal(Life(frame, [face], track, 25, 0.0, 1)(20, frame), frame)
    life = Life(frame, [face], track, 25, 1.0, 1)
    assert not np.array_equal(life(20, frame), frame) and np.array_equal(life(0, frame), frame)


def test_a_face_keeps_its_voice_while_it_moves_and_others_come_and_go():
    moving = [[landmarks(60.0 + 2 * n), landmarks(170.0)] if n < 6 else [landmarks(60.0 + 2 * n)] for n in range(12)]
    finder = Finder.of(LipSyncSettings(faces="all"), lambda: Faces(moving))
    found = finder.faces(list(numbered(12)), 0, 25.0)
    assert [len(faces) for faces in found] == [2] * 6 + [1] * 6
    assert all(abs(faces[0].x - (60 + 2 * n)) < 3 for n, faces in enumerate(found))


@pytest.mark.parametrize("which, x", [("left", 60), ("right", 170), ("largest", 170)])
def test_one_face_of_several_is_chosen(which, x):
    faces = Faces([[landmarks(60.0, width=20), landmarks(170.0, width=40)]] * 3)
    found = Finder.of(LipSyncSettings(faces=which), lambda: faces).faces(list(numbered(3)), 0, 25.0)
    assert all(len(each) == 1 and abs(each[0].x - x) < 2 for each in found)


def test_stretches_without_a_face_pass_untouched_and_are_named():
    seen = [[landmarks()] if not 8 <= n < 16 else [] for n in range(24)]
    frames = numbered(24)
    events = list(
        tiny_pipeline(nets=Faces(seen)).generate(LipSyncSettings(seed=1, steps=1), Clip(frames, 12.0), hum(2.0))
    )
    clip = events[-1].items[0]
    assert isinstance(events[-1], Done)
    same = [np.array_equal(made, frame) for made, frame in zip(clip.frames, frames, strict=True)]
    assert all(same[8:16]) and not all(same[:8])
    said = [event.text for event in events if isinstance(event, Note)]
    assert any("frames 9 to 16 (0.7 to 1.3 s)" in text for text in said)
    assert any("moved by the face's landmarks" in text for text in said)


def test_no_face_at_all_is_refused_with_the_frames():
    pipeline = tiny_pipeline(nets=Faces([[]] * 10))
    with pytest.raises(MediaError, match=r"any of the 10 frames \(1 to 10\)"):
        list(pipeline.generate(LipSyncSettings(), Clip(numbered(10), 25.0), hum(0.4)))
    with pytest.raises(MediaError, match="no face is found in the picture"):
        list(pipeline.generate(LipSyncSettings(), Picture(numbered(1)[0]), hum(0.4)))


def sideways():
    """Landmarks of a face that is seen from the side: the nose stands out over the cheek."""
    points = landmarks()
    points[4] = points[454] + (6, 0)
    return points


def test_a_face_from_the_side_is_left_alone_and_named_and_alone_it_is_refused():
    seen = [[sideways() if 8 <= n < 16 else landmarks()] for n in range(24)]
    frames = numbered(24)
    *events, done = tiny_pipeline(nets=Faces(seen)).generate(
        LipSyncSettings(seed=1, steps=1), Clip(frames, 12.0), hum(2.0)
    )
    same = [np.array_equal(made, frame) for made, frame in zip(done.items[0].frames, frames, strict=True)]
    assert all(same[8:16]) and not all(same[:8])
    assert any("turned away in frames 9 to 16" in event.text for event in events if isinstance(event, Note))
    with pytest.raises(MediaError, match="turned away in the picture"):
        list(tiny_pipeline(nets=Faces([[sideways()]])).generate(LipSyncSettings(), Picture(frames[0]), hum(0.4)))
    with pytest.raises(MediaError, match="turned away in 6 of the 6 frames"):
        pipeline = tiny_pipeline(nets=Faces([[sideways()]] * 6))
        list(pipeline.generate(LipSyncSettings(), Clip(frames[:6], 25.0), hum(0.2)))


def test_a_crowd_is_told_who_speaks():
    pipeline = tiny_pipeline(nets=Faces([[landmarks(60.0, width=20), landmarks(170.0, width=40)]] * 12))
    events = list(pipeline.generate(LipSyncSettings(seed=1, steps=1), Clip(numbered(12), 25.0), hum(0.4)))
    said = [event.text for event in events if isinstance(event, Note)]
    assert "2 faces are seen; the largest speaks and the others are left alone" in said


def test_two_voices_move_two_faces_and_a_third_is_left_alone():
    three = [[landmarks(40.0, width=20), landmarks(110.0, width=20), landmarks(180.0, width=20)]] * 5
    settings = LipSyncSettings(seed=1, faces="all", steps=1)
    frames = numbered(5)
    events = list(tiny_pipeline(nets=Faces(three)).generate(settings, Clip(frames, 25.0), hum(0.2), [None, hum(0.2)]))
    changed = np.stack([made != frame for made, frame in zip(events[-1].items[0].frames, frames, strict=True)]).any(
        (0, 3)
    )
    assert changed[:, 20:60].any() and not changed[:, 80:140].any() and changed[:, 165:200].any()


def test_flat_drawings_are_told_from_photographs():
    from pipelines.lipsync.faces import Box

    face = Face(100, 120, 40, box=Box(20, 20, 200, 200))
    flat = np.full((220, 220, 4), 255, np.uint8)
    flat[60:120, 60:120] = (200, 100, 50, 255)
    assert drawn(flat, face) and not drawn(photograph(), face)


def test_a_drawing_without_landmarks_has_its_mouth_found_by_what_stands_out():
    frame = np.full((220, 220, 4), 255, np.uint8)
    frame[..., :3] = (240, 200, 160)
    for x in (70, 130):
        frame[80:92, x - 6 : x + 6, :3] = 20
    frame[140:146, 85:117, :3] = (120, 30, 30)

    class Drawing:
        def find(self, frame):
            return [Region(100.0, 110.0, 150.0, 0.0, (103.0, 150.0))]

        def mesh(self, frame, region):
            return None

    finder = Finder.of(LipSyncSettings(), Drawing)
    face = finder.faces([frame], 0, 25.0, still=True)[0][0]
    assert (face.engine, face.x, face.y, face.width) == ("drawn", 101, 143, 32)
    assert "no landmarks" in finder.said()[0]
    with pytest.raises(MediaError, match="no face is found"):
        Finder.of(LipSyncSettings(engine="photograph"), Drawing).faces([frame], 0, 25.0, still=True)


def test_landmarks_are_looked_for_again_where_they_say_that_the_face_is():
    asked = []

    class Nets:
        def __init__(self, points):
            self.points = points

        def mesh(self, frame, region):
            asked.append(region)
            return self.points

    first = Region(1.0, 2.0, 300.0, 0.0)
    assert settled(Nets(landmarks()), numbered(1)[0], first) is not None
    assert asked == [first, region_of(landmarks()), region_of(landmarks())]
    asked.clear()
    settled(Nets(sideways()), numbered(1)[0], first)
    assert asked == [first]  # at a second look a face from the side may pass for one that is not
    assert settled(Nets(None), numbered(1)[0], first) is None
