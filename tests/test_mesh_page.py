"""The mesh tab in a real browser, with a runner that needs no model: turned while it is made, worked on, filmed."""

import os
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from fake_meshes import ball
from pages import CHROMIUM, PATIENCE, QUIET, WARNINGS, free_port
from playwright.sync_api import expect, sync_playwright

from pipelines.settings import MeshSettings
from pipelines.shapes import measured
from studio import library, runs, ui
from studio.export import save
from studio.export.loading import load, load_mesh
from studio.provenance import read_settings

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
# WebGL without a graphics card.
DRAWN = [flag for flag in QUIET if flag != "--disable-gpu"]
DRAWN += ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
# What the viewer on the stage is doing.
STATE = """() => {
  const {look, live, side, sides, run, turning, face} = document.querySelector('eddy-mesh[data-where=stage]').player;
  const shape = sides[side];
  return {yaw: look.yaw, away: look.away, live, side, run, turning, sides: Object.keys(sides),
          corners: shape ? shape.corners.length : 0, edges: shape ? shape.edges.length : 0,
          about: face.about.textContent, drawn: face.canvas.dataset.drawn || ''};
}"""
# Share of the picture that is not see-through, and its mean colour there.
SEEN = """() => {
  const canvas = document.querySelector('eddy-mesh[data-where=stage] canvas');
  const copy = Object.assign(document.createElement('canvas'), {width: canvas.width, height: canvas.height});
  const pen = copy.getContext('2d');
  pen.drawImage(canvas, 0, 0);
  const {data} = pen.getImageData(0, 0, copy.width, copy.height), sum = [0, 0, 0];
  let solid = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 250) continue;
    solid += 1;
    for (let k = 0; k < 3; k++) sum[k] += data[i + k];
  }
  return {share: solid / (data.length / 4), colour: sum.map((each) => each / Math.max(solid, 1))};
}"""


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=CHROMIUM if Path(CHROMIUM).exists() else None, args=DRAWN)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed):
    folder = tmp_path_factory.mktemp("assets") / "examples"
    save(ball(2, (200, 40, 40)), folder / "mesh-1-mug.glb", MeshSettings(prompt="a red mug", seed=5))
    before, path = os.environ.get("PYTHONPATH"), os.pathsep.join([str(HERE), str(HERE.parent)])
    os.environ["PYTHONPATH"] = path
    usual, runs.assets = runs.assets, lambda: folder.parent
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"), runner="fake_meshes:MeshRunner")
    yield served
    served.close()
    runs.assets = usual
    os.environ.pop("PYTHONPATH") if before is None else os.environ.update({"PYTHONPATH": before})


@pytest.fixture
def address(served):
    """The page, with nothing kept but the example."""
    held = shelves(served)
    held.delete([asset.id for asset in held.search("", limit=1000).assets], "")
    held.purge("", days=0)
    return served.address


@pytest.fixture
def meshes(visit):
    """Opens the page at the mesh tab; at the end the console must be empty of errors and of WebGL's complaints."""
    wrong = []

    def open_tab(*size, mode=None, **options):
        page = visit(*size, **options)
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.locator(".media > .tab-wrapper").get_by_role("tab", name="3D mesh").click()
        if mode:
            page.get_by_role("tab", name=mode, exact=True).locator("visible=true").click()
        when(page, "s.corners > 0 && s.drawn")
        return page

    yield open_tab
    # A read of the picture stalls the drawing, and a mesh that is refused is answered with a 404.
    assert [text for text in wrong if "GPU stall" not in text and "404" not in text] == []


def when(page, condition, timeout=PATIENCE):
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition}; }}", timeout=timeout)


def drawn(page):
    page.wait_for_function(f"() => ({SEEN})().share > 0", timeout=PATIENCE)  # a frame comes when it comes
    return page.evaluate(SEEN)


def shown(page, selector):
    return page.locator(selector).locator("visible=true").first


def shelves(served):
    return library.Library(served.shop.store)


def kept(served, kind):
    found = shelves(served).search("", limit=100).assets
    return [asset for asset in found if asset.kind == kind]


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.05)


@pytest.mark.smoke
def test_a_mesh_is_seen_while_it_is_made_and_kept_with_its_settings(meshes, served):
    page = meshes()
    when(page, "s.about.includes('watertight')")  # the example's figures
    seen = drawn(page)
    assert seen["share"] > 0.05 and seen["colour"][0] > 2 * seen["colour"][1]  # a red ball, drawn
    shown(page, ".field-prompt textarea").fill("a slow ball")
    shown(page, "button.run").click()
    when(page, "s.live && s.corners === 3 * 320")  # its second estimate
    when(page, "!s.live && s.corners === 3 * 1280 && s.about.startsWith('1,280 faces')")
    assert "genus 0" in page.evaluate(STATE)["about"]
    asset = kept(served, "mesh.generate")[0]
    assert asset.path.suffix == ".glb" and read_settings(asset.path).settings.prompt == "a slow ball"
    assert len(load(asset.path).faces) == 1280


def test_it_is_turned_zoomed_and_shown_as_lines(meshes):
    page = meshes(reduced_motion="reduce")
    assert not page.evaluate(STATE)["turning"]
    canvas = shown(page, "eddy-mesh[data-where=stage] canvas")
    before, box = page.evaluate(STATE), canvas.bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 150, steps=3)
    page.mouse.up()
    page.mouse.wheel(0, -300)
    when(page, f"s.yaw < {before['yaw']} - .5 && s.away < {before['away']} * .8")
    canvas.focus()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Reset view").locator("visible=true").click()
    when(page, "s.yaw === .6 && s.away === 1.06")
    plain = drawn(page)
    shown(page, "eddy-mesh[data-where=stage] button:has-text('Wireframe')").click()
    until(lambda: sum(drawn(page)["colour"]) < 0.98 * sum(plain["colour"]))  # dark lines, one pixel wide, over it
    found = page.evaluate(STATE)
    assert found["edges"] == found["corners"]  # of a closed mesh: half as many edges again as faces, two ends each


def test_a_dropped_mesh_is_worked_on_and_the_original_stays(meshes, served, tmp_path):
    page = meshes(mode="Tools")
    path = save(ball(3, (40, 160, 40)), tmp_path / "green ball.stl", MeshSettings(prompt="x", seed=1))
    shown(page, ".chosen input[type=file]").set_input_files(path)
    expect(shown(page, "eddy-mesh[data-where=work-mesh] .about")).to_contain_text("1,280 faces")
    shown(page, ".field-faces input, .field-faces textarea").fill("300")
    shown(page, "button.run").click()
    when(page, "s.about.startsWith('300 faces') && s.sides.includes('before')")
    shown(page, "eddy-mesh[data-where=stage] .sides button:has-text('Before')").click()
    when(page, "s.side === 'before' && s.corners === 3 * 1280")
    asset = kept(served, "shape.edit")[0]
    (role, parent), *more = shelves(served).parents(asset.id, "")
    assert role == "source" and not more and parent.kind == "imported" and parent.path.suffix == ".stl"
    assert read_settings(asset.path).settings.faces == 300 and measured(load(asset.path)).watertight
    # An STL in millimetres comes back in metres.
    assert np.ptp(load(asset.path).vertices, axis=0).max() == pytest.approx(0.8, rel=0.02)


def test_what_is_no_mesh_is_refused_in_a_sentence(meshes, tmp_path):
    page = meshes(mode="Tools")
    (tmp_path / "points.ply").write_bytes(
        b"ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
        b"0 0 0\n1 0 0\n0 1 0\n"
    )
    shown(page, ".chosen input[type=file]").set_input_files(tmp_path / "points.ply")
    expect(shown(page, "eddy-mesh[data-where=work-mesh] .missing")).to_contain_text("points or lines, but no faces")
    (tmp_path / "words.glb").write_bytes(b"glTF is what this is not")
    shown(page, ".chosen input[type=file]").set_input_files(tmp_path / "words.glb")
    expect(shown(page, ".line")).to_contain_text("words")


def test_an_edit_keeps_to_its_box_and_a_drawing_becomes_a_picture(meshes, served):
    page = meshes()
    page.get_by_role("button", name="Use as source").locator("visible=true").click()
    expect(shown(page, "eddy-mesh[data-where=edit-mesh] .about")).to_contain_text("320 faces")
    assert shown(page, ".field-source-prompt textarea").input_value() == "a red mug"
    page.get_by_role("button", name="Only inside a box").click()
    shown(page, ".field-bottom input[type=number]").click()
    page.wait_for_timeout(1000)  # what has just been unfolded is still being given its values
    shown(page, ".field-bottom input[type=number]").fill("0.5")
    page.keyboard.press("Tab")
    page.wait_for_function(
        "() => document.querySelector('eddy-mesh[data-where=edit-mesh]').player.box?.[0][1] === 0.5", timeout=PATIENCE
    )
    shown(page, ".field-prompt textarea").fill("a red mug with a lid")
    shown(page, "button.run").click()
    until(lambda: kept(served, "mesh.edit"))
    assert kept(served, "mesh.edit")[0].settings.bottom == 0.5
    page.get_by_role("tab", name="Make", exact=True).locator("visible=true").click()
    shown(page, "[data-chosen=draw]").click()
    pad = shown(page, "canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 50, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 150, box["y"] + 120, steps=4)
    page.mouse.up()
    expect(shown(page, ".chosen .name")).to_contain_text("Your drawing")
    shown(page, ".field-prompt textarea").fill("drawn")
    shown(page, "button.run").click()
    until(lambda: [each for each in kept(served, "mesh.generate") if each.prompt == "drawn"])
    made = next(each for each in kept(served, "mesh.generate") if each.prompt == "drawn")
    assert [(role, parent.medium) for role, parent in shelves(served).parents(made.id, "")] == [("image", "image")]


def test_a_turn_is_filmed_and_kept_and_the_library_turns_meshes(meshes, served):
    page = meshes()
    shown(page, "button:has-text('Film a turn')").click()
    until(lambda: kept(served, "turntable.edit"), 120)
    clip = kept(served, "turntable.edit")[0]
    assert clip.medium == "video" and clip.frames == 48 and (clip.width, clip.height) == (256, 256)
    assert [parent.medium for _, parent in shelves(served).parents(clip.id, "")] == ["mesh"]
    assert httpx.get(f"{served.address}studio/assets/{clip.id}/thumbnail").status_code == 200
    page.locator(".media > .tab-wrapper").get_by_role("tab", name="Library").click()
    mesh = kept(served, "imported")[0]
    answer = httpx.get(f"{served.address}studio/solid/figures", params={"name": f"asset:{mesh.id}"})
    assert answer.json()["watertight"] and answer.json()["genus"] == 0
    turned = httpx.get(f"{served.address}studio/solid", params={"name": f"asset:{mesh.id}"})
    assert turned.content[:4] == b"glTF" and turned.headers["content-type"] == "model/gltf-binary"
    for name in ("asset:" + "0" * 32, "/etc/passwd", "example:none.glb", ""):
        refused = httpx.get(f"{served.address}studio/solid", params={"name": name})
        assert refused.status_code == 404 and "error" in refused.json()


def test_a_light_mesh_is_handed_out_as_it_is(tmp_path):
    from studio.solids import turned

    path = save(ball(2, (1, 2, 3)), tmp_path / "it.glb", MeshSettings(prompt="x", seed=1))
    light, _ = load_mesh(turned(tmp_path, path))
    assert np.array_equal(light.vertices, ball(2, (1, 2, 3)).vertices) and np.array_equal(
        light.colours, load(path).colours
    )
