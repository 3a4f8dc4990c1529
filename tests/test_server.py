"""The server without a browser and without a model: queue and files over HTTP, the API, people kept apart."""

import asyncio
import json
import os
import re
import statistics
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from pages import WARNINGS, free_port
from PIL import Image

from pipelines.errors import MediaError
from pipelines.settings import ANY_SETTINGS, ImageEditSettings, ImageSettings
from studio import ui
from studio.api import FILES
from studio.people import COOKIE, People
from studio.provenance import read_settings, read_words
from studio.uploads import uploaded

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
HEADERS = {"x-eddyline": "1"}


@pytest.fixture(scope="module")
def serve(tmp_path_factory, loops_closed):
    """Starts servers with a runner that needs no model."""
    path, started = os.environ.get("PYTHONPATH"), []
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), str(HERE.parent)])

    def start(**options):
        home = tmp_path_factory.mktemp("home")
        started.append(ui.start("127.0.0.1", free_port(), home=home, runner="fake_runner:FakeRunner", **options))
        return started[-1]

    yield start
    for served in started:
        served.close()
    if path is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = path


@pytest.fixture(scope="module")
def local(serve):
    return serve()


@pytest.fixture(scope="module")
def shared(serve):
    return serve(shared=True)


def done(served, job, owner=""):
    end = time.monotonic() + 30
    while served.shop.jobs.get(job.id, owner).waiting:
        assert time.monotonic() < end
        time.sleep(0.02)
    return served.shop.jobs.get(job.id, owner)


def visitor(served):
    client = httpx.Client(base_url=served.address, timeout=30)
    client.get("/")
    return client


def owner_of(served, client):
    request = type("Request", (), {"cookies": dict(client.cookies), "scope": {}})()
    return served.shop.people.owner(request)


def test_the_queue_is_told_and_steered_as_json(local):
    jobs = local.shop.jobs
    jobs.pause("", True)
    first, second = jobs.submit([ImageSettings(prompt=words, seed=1, steps=2) for words in ("one", "<two>")], "")
    told = httpx.get(f"{local.address}studio/queue").json()
    assert told["paused"] and [(job["title"], job["ahead"]) for job in told["jobs"]] == [("one", 0), ("<two>", 1)]
    moved = httpx.post(
        f"{local.address}studio/queue/{second.id}/move", json={"before": first.id}, headers=HEADERS
    ).json()
    assert [job["title"] for job in moved["jobs"]] == ["<two>", "one"]
    httpx.post(f"{local.address}studio/queue/{first.id}/cancel", json={}, headers=HEADERS)
    went_on = httpx.post(f"{local.address}studio/queue/pause", json={"on": False}, headers=HEADERS).json()
    assert not went_on["paused"]
    assert done(local, second).state == "done" and jobs.get(first.id, "").state == "cancelled"
    rows = {job["title"]: job for job in httpx.get(f"{local.address}studio/queue").json()["jobs"]}
    asset = rows["<two>"]["assets"][0]
    again = httpx.post(f"{local.address}studio/queue/{first.id}/again", json={}, headers=HEADERS).json()
    assert [job["state"] for job in again["jobs"]].count("cancelled") == 1 and len(again["jobs"]) == 3
    file = httpx.get(f"{local.address}studio/assets/{asset}/file")
    assert file.headers["content-type"] == "image/png" and file.content.startswith(b"\x89PNG")
    assert httpx.get(f"{local.address}studio/assets/{asset}/thumbnail").headers["content-type"] == "image/webp"


def test_a_file_is_exported_with_its_record(local, tmp_path):
    job = local.shop.jobs.submit([ImageSettings(prompt="a kite", seed=9, steps=1)], "")[0]
    done(local, job)
    asset = local.shop.library.made_by([job.id], "")[job.id][0]
    for ending in (".png", ".jpg", ".webp", ".avif"):
        sent = httpx.get(f"{local.address}studio/assets/{asset.id}/file?download&format={ending}")
        assert sent.headers["content-disposition"].startswith("attachment")
        path = tmp_path / f"it{ending}"
        path.write_bytes(sent.content)
        found = read_settings(path)
        assert found.settings == job.settings and found.origin.id == asset.id
    refused = httpx.get(f"{local.address}studio/assets/{asset.id}/file?format=.exe")
    assert refused.status_code == 404 and ".exe" in refused.json()["error"]


@pytest.mark.parametrize("path", ["queue/pause", "queue/forget", "queue/abc/cancel"])
def test_another_sites_page_cannot_steer_the_queue(local, path):
    assert httpx.post(f"{local.address}studio/{path}", json={}).status_code == 403


@pytest.mark.parametrize(
    "path, said",
    [
        ("studio/assets/" + "0" * 32 + "/file", "none of this id"),
        ("studio/assets/..%2f..%2fetc/file", ""),
        ("studio/jobs/nothing/preview", "none called"),
        ("studio/examples/..%2f..%2fpyproject.toml", ""),
        ("studio/examples/nothing.png", "none of this name"),
    ],
)
def test_what_is_not_there_is_said_without_paths(local, path, said):
    answer = httpx.get(local.address + path)
    assert answer.status_code == 404
    assert said in answer.text and str(local.shop.store.home) not in answer.text


def test_bad_bodies_are_refused(local):
    for body in (b"[1]", b"{", b"\xff"):
        answer = httpx.post(f"{local.address}studio/queue/pause", content=body, headers=HEADERS)
        assert answer.status_code == 400
    assert httpx.post(f"{local.address}studio/queue/abc/explode", json={}, headers=HEADERS).status_code == 404


def test_the_api_runs_a_job_and_says_where_the_files_are(local, tmp_path):
    client = Client(local.address, verbose=False)
    made = client.predict(prompt="an unknown heart", seed=5, steps=2, count=2, api_name="/image_generate")
    assert made["settings"]["prompt"] == "an unknown heart" and made["notes"] == ["Not in the vocabulary: unknown"]
    assert [file["seed"] for file in made["files"]] == [5, 6]
    picture = httpx.get(local.address + made["files"][0]["url"])
    (tmp_path / "it.png").write_bytes(picture.content)
    edited = client.predict(
        source=handle_file(tmp_path / "it.png"), prompt="a boat", seed=1, steps=1, api_name="/image_edit"
    )
    asset = local.shop.library.get(edited["files"][0]["id"], "")
    assert [role for role, _ in local.shop.library.parents(asset.id, "")] == ["source"]
    with pytest.raises(Exception, match="steps"):
        client.predict(prompt="x", steps=0, api_name="/image_generate")
    with pytest.raises(Exception, match="a bug"):
        client.predict(prompt="bug", steps=3, api_name="/image_generate")
    client.close()


def test_the_api_speaks_and_says_when_each_word_is_said(local, tmp_path):
    client = Client(local.address, verbose=False)
    made = client.predict(text="One two. Three.", voice="rms", seed=5, steps=1, api_name="/speech_generate")
    assert made["settings"]["voice"] == "rms" and made["settings"]["text"] == "One two. Three."
    [file] = made["files"]
    assert (file["seed"], file["seconds"], file["sample_rate"]) == (5, 0.5, 24_000)
    assert file["words"][2] == {"text": "Three", "start": 0.25, "end": 0.5}
    sound = httpx.get(local.address + file["url"])
    assert sound.headers["content-type"] == "audio/wav"
    (tmp_path / "it.wav").write_bytes(sound.content)
    assert [word.text for word in read_words(tmp_path / "it.wav")] == ["One", "two", "Three"]
    given = {"source": handle_file(tmp_path / "it.wav"), "source_text": "One two. Three.", "text": "Four.", "seed": 1}
    edited = client.predict(**given, start=0.1, end=0.4, steps=1, api_name="/speech_edit")
    assert edited["settings"]["start"] == 0.1
    parents = local.shop.library.parents(edited["files"][0]["id"], "")
    assert [(role, parent.id) for role, parent in parents] == [("source", file["id"])]
    with pytest.raises(Exception, match="text: is empty"):
        client.predict(text=" ", api_name="/speech_generate")
    client.close()


def test_the_api_makes_and_changes_sounds(local, tmp_path):
    client = Client(local.address, verbose=False)
    made = client.predict(prompt="rain", seconds=6, count=2, loop=True, seed=5, steps=1, api_name="/sound_generate")
    assert [file["seed"] for file in made["files"]] == [5, 6] and made["settings"]["loop"] is True
    assert all(file["words"] == [] for file in made["files"])
    (tmp_path / "rain.bin").write_bytes(httpx.get(local.address + made["files"][0]["url"]).content)
    soundless = {"source": handle_file(tmp_path / "rain.bin"), "prompt": "hail", "seed": 1, "steps": 1}
    edited = client.predict(**soundless, api_name="/sound_edit")  # known by content, whatever it is called
    parents = local.shop.library.parents(edited["files"][0]["id"], "")
    assert [parent.id for _, parent in parents] == [made["files"][0]["id"]]
    Image.new("RGB", (8, 8)).save(tmp_path / "it.png")
    with pytest.raises(Exception, match="source: must be a sound, it.png is a picture"):
        client.predict(source=handle_file(tmp_path / "it.png"), prompt="hail", api_name="/sound_edit")
    with pytest.raises(Exception, match="source: must be a picture, rain.wav is a sound"):
        client.predict(source=handle_file(tmp_path / "rain.bin"), prompt="hail", api_name="/image_edit")
    (tmp_path / "text.wav").write_text("not a sound at all")
    with pytest.raises(Exception, match="text.wav"):
        client.predict(source=handle_file(tmp_path / "text.wav"), prompt="hail", api_name="/sound_edit")
    client.close()


def test_only_runs_are_published(local):
    schema = httpx.get(local.address + "gradio_api/info").json()
    assert set(schema["named_endpoints"]) == {f"/{kind.replace('.', '_')}" for kind in ANY_SETTINGS}
    assert schema["unnamed_endpoints"] == {}
    files = {kind: set(roles) for kind, roles in FILES.items()}
    assert files["image.edit"] == {"source", "mask"} and files["mesh.generate"] == {"image"}
    for kind, settings in ANY_SETTINGS.items():
        given = {p["parameter_name"] for p in schema["named_endpoints"][f"/{kind.replace('.', '_')}"]["parameters"]}
        assert given == set(settings.model_fields) - {"version"} | files.get(kind, set())
    assert httpx.get(local.address + "gradio_api/file=/etc/passwd").status_code in (403, 404)
    home = local.shop.store.home
    assert httpx.get(f"{local.address}gradio_api/file={home}/studio.sqlite").status_code in (403, 404)


def test_people_on_one_server_see_only_their_own(shared, tmp_path):
    ann, bob = visitor(shared), visitor(shared)
    mine = shared.shop.jobs.submit([ImageSettings(prompt="mine", seed=1, steps=1)], owner_of(shared, ann))[0]
    done(shared, mine, owner_of(shared, ann))
    (row,) = ann.get("/studio/queue").json()["jobs"]
    assert row["title"] == "mine" and bob.get("/studio/queue").json()["jobs"] == []
    asset = row["assets"][0]
    assert ann.get(f"/studio/assets/{asset}/file").status_code == 200
    assert ann.get(f"/studio/jobs/{mine.id}/parts/preview-0.png").status_code in (200, 204)
    for path in (
        *(f"assets/{asset}/{part}" for part in ("file", "thumbnail", "words")),
        *(f"jobs/{mine.id}/{part}" for part in ("preview", "parts/preview-0.png", "parts/piece-000.wav")),
    ):
        assert bob.get(f"/studio/{path}").status_code == 404
    assert bob.post(f"/studio/queue/{mine.id}/again", json={}, headers=HEADERS).status_code == 404
    stranger = httpx.get(f"{shared.address}studio/queue")
    assert stranger.json()["jobs"] == []
    folder = shared.shop.library.get(asset, owner_of(shared, ann)).path
    assert "people" in folder.parts and ann.cookies[COOKIE] not in str(folder)


def test_the_cookie_is_given_once_and_says_what_a_frame_needs():
    async def ask(people, headers=()):
        sent = []

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})

        async def send(message):
            sent.append(dict(message["headers"]))

        await people.middleware(app)({"type": "http", "path": "/", "headers": list(headers)}, None, send)
        return sent[0].get(b"set-cookie", b"").decode()

    assert asyncio.run(ask(People(False))) == ""
    given = asyncio.run(ask(People(True)))
    assert "HttpOnly" in given and "SameSite=Lax" in given
    assert re.match(rf"{COOKIE}=[0-9a-f]{{32}};", given)
    assert "SameSite=None; Secure" in asyncio.run(ask(People(True, embedded=True)))
    assert asyncio.run(ask(People(True), [(b"cookie", f"{COOKIE}=abc".encode())])) == ""


def test_no_file_of_the_machine_can_be_named_as_a_source(shared, tmp_path):
    """Gradio lets a path through that is not marked as its own file; neither endpoint nor page may follow it."""
    ann, bob = visitor(shared), visitor(shared)
    job = shared.shop.jobs.submit([ImageSettings(prompt="mine", seed=1, steps=1)], owner_of(shared, ann))[0]
    done(shared, job, owner_of(shared, ann))
    mine = shared.shop.library.made_by([job.id], owner_of(shared, ann))[job.id][0].path
    Image.new("RGB", (8, 8)).save(tmp_path / "secret.png")
    for path in (mine, tmp_path / "secret.png", tmp_path / "missing.png"):
        sent = {"data": [{"path": str(path)}, "a boat", None, *_rest(ImageEditSettings)]}
        event = bob.post("/gradio_api/call/image_edit", json=sent).json()["event_id"]
        told = bob.get(f"/gradio_api/call/image_edit/{event}").text
        assert "event: error" in told and "complete" not in told
    assert shared.shop.library.search(owner_of(shared, bob)).total == 0
    for path in (str(tmp_path / "secret.png"), str(tmp_path / "missing.png"), "", None, 5, "a\0b"):
        with pytest.raises(MediaError, match="was not uploaded here"):
            uploaded(path)


@pytest.mark.parametrize("named", [{"lora": "/etc/passwd"}, {"lora": "../x"}, {"model": "/etc"}, {"model": "~/x"}])
def test_no_folder_or_file_of_the_machine_can_be_named_as_a_model(shared, named):
    bob = visitor(shared)
    rest = {name: f.default for name, f in ImageSettings.model_fields.items() if name not in ("version", "prompt")}
    event = bob.post("/gradio_api/call/image_generate", json={"data": ["a boat", *{**rest, **named}.values()]})
    told = bob.get(f"/gradio_api/call/image_generate/{event.json()['event_id']}").text
    assert "event: error" in told and "complete" not in told
    assert ("not a path" if "lora" in named else "cannot be used here") in told


def _rest(kind):
    """Defaults of every setting after the prompt, in an endpoint's order."""
    return [f.default for name, f in kind.model_fields.items() if name not in ("version", "prompt")]


def test_a_local_studio_answers_to_its_own_name_and_page_alone(local):
    port = local.address.rstrip("/").rsplit(":", 1)[1]
    look = f"{local.address}studio/queue"
    assert httpx.get(look, headers={"host": f"localhost:{port}"}).status_code == 200
    assert httpx.get(look, headers={"host": f"evil.example:{port}"}).status_code == 403
    upload = {"files": {"files": ("a.txt", b"x")}, "headers": {"origin": "http://evil.example"}}
    assert httpx.post(f"{local.address}gradio_api/upload", **upload).status_code == 403
    own = {"origin": f"http://127.0.0.1:{port}", **HEADERS}
    assert httpx.post(f"{local.address}studio/queue/forget", json={}, headers=own).status_code == 200


def test_another_programs_odd_cookie_costs_nobody_their_work(shared):
    for odd in ('prefs={"a":1}', "a[b]=1"):
        answer = httpx.get(shared.address, headers={"cookie": f"{odd}; {COOKIE}=0123456789abcdef"})
        assert "set-cookie" not in answer.headers


def test_a_password_guards_everything(serve):
    locked = serve(auth=[("ann", "secret"), ("bob", "word")])
    plain = httpx.get(f"{locked.address}studio/queue")
    assert plain.status_code == 401 and "log in" in plain.json()["error"]
    assert httpx.get(f"{locked.address}gradio_api/info").status_code == 401
    people = {}
    for name, word in (("ann", "secret"), ("bob", "word")):
        people[name] = httpx.Client(base_url=locked.address)
        assert people[name].post("/login", data={"username": name, "password": "wrong"}).status_code == 400
        assert people[name].post("/login", data={"username": name, "password": word}).status_code == 200
        assert people[name].get("/studio/queue").json() == {"paused": False, "jobs": []}
    client = Client(locked.address, auth=("ann", "secret"), verbose=False)
    client.predict(prompt="mine", seed=1, steps=1, api_name="/image_generate")
    client.close()
    assert [job["title"] for job in people["ann"].get("/studio/queue").json()["jobs"]] == ["mine"]
    assert people["bob"].get("/studio/queue").json()["jobs"] == []


def test_fifty_people_at_once_are_served_in_order_without_mixing(shared):
    """Fifty visitors ask at the same moment; meanwhile what runs no model answers within a second."""
    shop, looks, endpoint = shared.shop, [], _index(shared, "image_generate")

    async def visit(number):
        # Without keep-alive: a slow reader that takes up a connection the server is about to drop gets an error.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(base_url=shared.address, timeout=300, limits=limits) as client:
            await client.get("/")
            owner = owner_of(shared, client)
            asked = {"data": None}
            join = {
                "fn_index": endpoint, "session_hash": f"s{number}", **asked,
                "data": _values(f"kite {number}", number),
            }  # fmt: skip
            await client.post("/gradio_api/queue/join", json=join)
            made = []
            while not made:
                began = time.monotonic()
                told = (await client.get("/studio/queue")).json()["jobs"]
                looks.append(time.monotonic() - began)
                assert all(job["title"] == f"kite {number}" for job in told)
                made = [job for job in told if job["state"] == "done"]
                await asyncio.sleep(0.7)  # as the page does while something runs
            return owner, made[0]["assets"]

    async def all_of_them():
        return await asyncio.gather(*(visit(number) for number in range(50)))

    visits = asyncio.run(all_of_them())
    for number, (owner, assets) in enumerate(visits):
        (asset,) = (shop.library.get(each, owner) for each in assets)
        assert (asset.prompt, asset.seed) == (f"kite {number}", number)
        with Image.open(asset.path) as opened:
            assert opened.convert("RGBA").getpixel((0, 0))[:3] == (number % 251, 0, 0)
    with shop.store.connect() as db:
        rows = db.execute("SELECT number FROM jobs WHERE settings LIKE '%kite %' ORDER BY started").fetchall()
    assert [row["number"] for row in rows] == sorted(row["number"] for row in rows)
    # The visitors run in the server's own process here and slow it down; tests/bench/studio.py has them outside.
    assert statistics.median(looks) < 1


def _index(served, name):
    config = httpx.get(f"{served.address}config", cookies={COOKIE: "reader"}, timeout=60).json()
    return next(entry["id"] for entry in config["dependencies"] if entry["api_name"] == name)


def _values(prompt, seed):
    """Positional values of the endpoint: prompt first, then every setting in its order."""
    fields = {k: f.default for k, f in ImageSettings.model_fields.items() if k not in ("version", "prompt")}
    fields |= {"seed": seed, "steps": 2}
    return [prompt, *fields.values()]


def test_settings_sent_to_the_queue_are_json(local):
    told = httpx.get(f"{local.address}studio/queue").text
    assert json.loads(told)["jobs"] is not None


def test_language_models_get_the_same_runs_as_tools(serve):
    served = serve(mcp=True)
    headers = {"accept": "application/json, text/event-stream"}
    told = []
    for number, (method, given) in enumerate(
        [
            ("tools/list", {}),
            ("tools/call", {"name": "image_generate", "arguments": {"prompt": "a kite", "seed": 4, "steps": 1}}),
            ("tools/call", {"name": "speech_generate", "arguments": {"text": "A kite.", "seed": 4, "steps": 1}}),
        ]
    ):
        sent = {"jsonrpc": "2.0", "id": number, "method": method, "params": given}
        answer = httpx.post(f"{served.address}gradio_api/mcp/", json=sent, headers=headers, timeout=60)
        told.append(json.loads(answer.text.partition("data: ")[2] or answer.text)["result"])
    tools = {tool["name"]: tool for tool in told[0]["tools"]}
    assert set(tools) == {kind.replace(".", "_") for kind in ANY_SETTINGS}
    assert "Who speaks." in tools["speech_generate"]["inputSchema"]["properties"]["voice"]["description"]
    assert tools["speech_edit"]["description"].startswith("Change words of a recording")
    given = tools["image_generate"]["inputSchema"]["properties"]
    assert set(given) == set(ImageSettings.model_fields) - {"version"}
    assert "Guidance scale" in given["guidance"]["description"]
    assert not told[1].get("isError") and not told[2].get("isError"), told[1:]
    assert [asset.prompt for asset in served.shop.library.search("").assets] == ["A kite.", "a kite"]


def test_what_mcp_needs_is_said_before_the_server_starts(monkeypatch, tmp_path):
    monkeypatch.setattr(ui, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="pip install '.\\[mcp\\]'"):
        ui.start("127.0.0.1", free_port(), home=tmp_path, mcp=True)
    assert not any(tmp_path.iterdir())
