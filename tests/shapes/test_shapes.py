"""Meshes measured, mended, thinned, hollowed and painted: figures that are known beforehand."""

import numpy as np
import pytest
import trimesh
from shapes.bodies import ball, checked, crate, of, ring, sheet

from pipelines.errors import MediaError, SettingsError
from pipelines.events import Done, Note, Preview
from pipelines.media import Mesh
from pipelines.settings import ShapeEditSettings
from pipelines.shapes import Paint, hollowed, measured, mended, remeshed, simplified, textured, watertight, work_on
from pipelines.shapes.painting import painted, spread
from pipelines.shapes.smoothing import smoothed
from pipelines.shapes.tools import scaled
from pipelines.shapes.topology import Topology


def without(mesh, faces):
    return Mesh(mesh.vertices, np.delete(mesh.faces, faces, axis=0), mesh.colours)


def test_a_cube_is_measured_whatever_its_file_did_to_its_corners():
    found = measured(crate())
    assert (found.faces, found.vertices, found.corners, found.pieces, found.genus) == (12, 36, 8, 1, 0)
    assert found.watertight and found.outward and found.size == (1, 1, 1) and found.paint == "vertex"
    assert found.volume == pytest.approx(1) and found.area == pytest.approx(6)


def test_handles_pieces_and_rims_are_counted():
    assert measured(ring()).genus == 1
    two = of(
        trimesh.util.concatenate(
            [trimesh.creation.torus(0.4, 0.1), trimesh.creation.box().apply_translation([3, 0, 0])]
        )
    )
    found = measured(two)
    assert (found.pieces, found.genus) == (2, 1)
    cut = measured(without(ball(), [0]))
    assert not cut.watertight and cut.open_edges == 3 and cut.volume is None and cut.genus is None
    book = Mesh(np.eye(3, dtype=np.float32).repeat(2, 0)[:5], np.array([[0, 2, 4], [0, 2, 4], [4, 2, 0]]))
    assert measured(book).crowded_edges == 3


def test_a_mesh_far_from_the_origin_has_the_same_volume():
    there = Mesh((ball().vertices + np.float32(500)).astype(np.float32), ball().faces)
    assert measured(there).volume == pytest.approx(measured(ball()).volume, rel=1e-3)


@pytest.mark.parametrize("faces", [800, 801, 100, 5])
def test_a_closed_mesh_becomes_exactly_as_many_faces_and_stays_closed(faces):
    for body, genus in ((ball(4), 0), (ring(), 1)):
        if faces < 100 and genus:
            continue  # a ring of five faces there is none
        thin = simplified(body, faces)
        found = measured(thin)
        assert found.faces == faces - faces % 2 and found.watertight and found.outward and found.genus == genus
        if faces > 100:
            assert found.volume == pytest.approx(measured(body).volume, rel=0.03)
            away = np.abs(Paint(thin).at(body.vertices)[:, :3].astype(int) - body.colours[:, :3]).mean()
            assert away < 12  # of 255: the colours came along


def test_fewer_faces_than_asked_for_stay_and_too_few_are_refused():
    body = crate()
    assert simplified(body, 12) is body
    with pytest.raises(SettingsError, match="faces: at least 4, got 3"):
        simplified(crate(), 3)


def test_smoothing_keeps_the_volume_and_flattens_the_noise():
    random = np.random.default_rng(0)
    rough = Mesh((ball(4).vertices + 0.01 * random.standard_normal((2562, 3))).astype(np.float32), ball(4).faces)
    calm = smoothed(rough, 5)
    spread_of = [np.linalg.norm(mesh.vertices, axis=1).std() for mesh in (rough, calm)]
    assert spread_of[1] < spread_of[0] / 2
    assert measured(calm).volume == pytest.approx(measured(rough).volume, rel=0.02)


def test_a_seam_stays_closed_when_smoothed():
    assert measured(smoothed(crate(), 3)).watertight


def test_small_holes_and_turned_faces_are_mended_in_place():
    faces = ball().faces.copy()
    faces[::7] = faces[::7, ::-1]
    made, said = mended(Mesh(ball().vertices, np.delete(faces, [5], axis=0), ball().colours))
    found = measured(made)
    assert found.watertight and found.outward and found.volume == pytest.approx(measured(ball()).volume, rel=0.01)
    assert any("open edges" in text for text in said)
    assert set(map(tuple, made.vertices)) <= set(map(tuple, ball().vertices))  # nothing moved


def test_inside_out_is_turned_round_but_a_hollow_stays_hollow():
    turned, said = mended(Mesh(ball().vertices, ball().faces[:, ::-1], ball().colours))
    assert measured(turned).outward and said
    hollow, _ = hollowed(ball(), 0.1, detail=48)
    assert measured(mended(hollow)[0]).volume == pytest.approx(measured(hollow).volume)


def test_what_overlaps_becomes_one_body():
    boxes = [trimesh.creation.box(), trimesh.creation.box().apply_translation([0.5, 0.5, 0.5])]
    made, _ = remeshed(of(trimesh.util.concatenate(boxes)), 64)
    found = measured(made)
    assert found.watertight and found.pieces == 1 and found.volume == pytest.approx(2 - 0.125, rel=0.01)


def test_a_soup_of_faces_is_closed_and_a_sheet_gets_a_thickness():
    holes = np.random.default_rng(1).choice(len(ball().faces), 60, replace=False)
    made, said = watertight(without(ball(), holes), detail=48)
    assert measured(made).watertight and measured(made).volume == pytest.approx(0.51, abs=0.02) and said
    made, said = watertight(sheet(), detail=48)
    assert measured(made).watertight and measured(made).pieces == 1 and any("thick" in text for text in said)


def test_a_closed_mesh_is_left_alone():
    made, said = watertight(ball())
    assert np.array_equal(made.faces, ball().faces) and said == ["It is watertight already; nothing had to be done."]


def test_a_hollow_keeps_its_outside_and_its_wall():
    made, said = hollowed(ball(), 0.1, detail=64, inside=2000)
    found, outside = measured(made), len(ball().faces)
    assert found.watertight and found.pieces == 2 and "material saved" in said[0]
    assert np.array_equal(made.faces[:outside], ball().faces)
    assert np.array_equal(made.vertices[: len(ball().vertices)], ball().vertices)
    inner = np.linalg.norm(made.vertices[len(ball().vertices) :], axis=1)
    assert inner.min() > 0.37 and inner.max() < 0.42  # the ball's flat faces lie a little within its radius
    assert len(made.faces) - outside <= 2000


def test_walls_that_cannot_be_are_refused():
    with pytest.raises(MediaError, match="not watertight; make it watertight first"):
        hollowed(without(ball(), [0]), 0.1)
    with pytest.raises(SettingsError, match="too thin for a mesh of 1.00 m; at least 7.81 mm"):
        hollowed(ball(), 0.001)
    with pytest.raises(MediaError, match="nothing is left inside a wall of 600 mm"):
        hollowed(ball(), 0.6, detail=32)


def test_a_baked_texture_has_the_colours_of_the_surface():
    made = textured(ball(), side=256)
    assert made.colours is None and made.texture.size == (256, 256) and measured(made).watertight
    places, _ = spread(ball(), 3000)
    away = np.abs(Paint(made).at(places).astype(int) - Paint(ball()).at(places).astype(int))
    assert away.mean() < 2 and np.quantile(away, 0.99) < 12
    back = painted(made)
    assert back.texture is None and measured(back).paint == "vertex"


def test_a_sharp_edge_of_two_colours_stays_sharp_on_a_texture():
    made = textured(crate(), side=128)
    places, _ = spread(crate(), 2000)
    sure = places[np.abs(places[:, 0]) > 0.499]
    red = Paint(made).at(sure)[:, 0] > 125
    assert (red == (sure[:, 0] > 0)).all()


def test_simplifying_bakes_the_texture_anew():
    fine = textured(ball(4), side=128)
    thin = simplified(fine, 300)
    assert thin.texture is not None and len(thin.faces) == 300
    places, _ = spread(ball(4), 2000)
    assert np.abs(Paint(thin).at(places).astype(int) - Paint(fine).at(places).astype(int)).mean() < 6


def test_a_texture_is_looked_up_where_it_is():
    mesh = checked()
    found = Paint(mesh).at(np.array([[0.25, 0.75, 0], [0.75, 0.75, 0], [0.25, 0.25, 0], [0.75, 0.25, 0.5]]))
    assert found[:, :3].tolist() == [[200, 0, 0], [0, 200, 0], [0, 0, 200], [200, 200, 200]]


def test_scaling_keeps_what_stands_on_the_ground():
    lifted = Mesh((ball().vertices + np.float32([0, 0.5, 0])).astype(np.float32), ball().faces)
    found = scaled(lifted, 80)
    assert np.ptp(found.vertices, axis=0).max() == pytest.approx(0.08, rel=1e-5)
    assert found.vertices[:, 1].min() == pytest.approx(lifted.vertices[:, 1].min() * 0.08, abs=1e-6)


def test_work_is_done_in_order_and_told():
    settings = ShapeEditSettings(watertight=True, smooth=2, faces=301, millimetres=60, wall=4, paint="texture")
    events = list(work_on(settings, without(ball(4), [3])))
    done, notes = events[-1], [event.text for event in events if isinstance(event, Note)]
    assert isinstance(done, Done) and done.seeds == (0,)
    found = measured(done.items[0])
    assert found.watertight and found.pieces == 2 and max(found.size) == pytest.approx(0.06, rel=1e-3)
    assert found.texture == (1024, 1024) and any("even number" in text for text in notes)
    assert sum(isinstance(event, Preview) for event in events) == 5
    assert settings.asked == "watertight, smoothed 2 times, 301 faces, 60 mm, hollow, 4 mm wall, textured"


def test_nothing_to_do_is_said():
    with pytest.raises(SettingsError, match="nothing is chosen"):
        list(work_on(ShapeEditSettings(), ball()))
    with pytest.raises(SettingsError, match="remesh: 16 to 256 cells, or 0 for off, got 8"):
        ShapeEditSettings(remesh=8)
    with pytest.raises(SettingsError, match="steps: unknown setting"):
        ShapeEditSettings(steps=3)


def test_topology_of_one_flat_face_is_empty():
    flat = Mesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]]))
    assert Topology.of_mesh(flat).pieces[0] == 0 and not Topology.of_mesh(flat).watertight
    with pytest.raises(MediaError, match="at one place"):
        remeshed(flat)
