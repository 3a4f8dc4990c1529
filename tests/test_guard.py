"""The guard before the server: bodies of bounded size, and files that are shown but never run."""

import asyncio
import re
import warnings
from contextlib import contextmanager

import pytest
from pages import loops_closed  # noqa: F401  # a fixture

from studio.guard import Guard, file_headers


def serve(app, method="GET", path="/", body=(), headers=(), kind="http"):
    """What an ASGI application answers: (status, headers, body, parts of the body that it asked for)."""
    sent, asked = [], []
    parts = [*body] or [b""]

    async def receive():
        asked.append(len(asked))
        n = len(asked) - 1
        if n >= len(parts):
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": parts[n], "more_body": n + 1 < len(parts)}

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "method": method, "path": path, "headers": list(headers)}
    asyncio.run(app(scope, receive, send))
    start = sent[0]
    text = b"".join(message.get("body", b"") for message in sent[1:])
    return start["status"], dict(start["headers"]), text, len(asked)


def reading(headers=(), status=200, swallow=False):
    """An application that reads the whole body and answers how long it was."""

    async def app(scope, receive, send):
        length, more = 0, True
        try:
            while more:
                message = await receive()
                length += len(message.get("body", b""))
                more = message.get("more_body", False)
        except Exception:
            if not swallow:
                raise
            length = -1
        await send({"type": "http.response.start", "status": 400 if length < 0 else status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": str(length).encode()})

    return app


# -- bodies ------------------------------------------------------------------------------------------------------------


def test_a_body_within_its_limit_passes():
    guard = Guard(reading(), upload_bytes=1000, body_bytes=100)
    assert serve(guard, "POST", "/gradio_api/queue/join", [b"x" * 60, b"x" * 40])[::2] == (200, b"100")
    assert serve(guard, "POST", "/gradio_api/upload", [b"x" * 600, b"x" * 400])[::2] == (200, b"1000")
    assert serve(guard, "POST", "/gradio_api/upload/", [b"x" * 1000])[0] == 200


@pytest.mark.parametrize("length", [b"1001", b"9" * 40, b"-1", b"many"])
def test_an_announced_body_is_refused_before_it_is_read(length):
    status, headers, text, asked = serve(
        Guard(reading(), upload_bytes=1000), "POST", "/gradio_api/upload", [b"x"], [(b"content-length", length)]
    )
    assert (status, asked, headers[b"connection"]) == (413, 0, b"close")
    assert text.startswith(b"upload: too large, at most 0 MB; make the file smaller") and b"/" not in text
    assert headers[b"content-type"].startswith(b"text/plain")


@pytest.mark.parametrize("swallow", [False, True])
def test_a_body_that_grows_is_stopped_at_its_limit(swallow):
    guard = Guard(reading(swallow=swallow), body_bytes=100)
    status, _, text, asked = serve(guard, "POST", "/gradio_api/queue/join", [b"x" * 40] * 1000)
    assert (status, asked) == (413, 3) and text.startswith(b"upload: too large")


def test_other_connections_pass_untouched():
    seen = []

    async def app(scope, receive, send):
        seen.append((scope["type"], receive, send))

    for kind in ("websocket", "lifespan"):
        asyncio.run(Guard(app)({"type": kind}, "receive", "send"))
    assert seen == [("websocket", "receive", "send"), ("lifespan", "receive", "send")]


# -- files -------------------------------------------------------------------------------------------------------------


def answered(path, kind=None, disposition=None):
    headers = [(b"content-type", kind.encode())] if kind else []
    headers += [(b"Content-Disposition", disposition.encode())] if disposition else []
    found = serve(Guard(reading(headers)), path=path)[1]
    return {key.lower().decode(): value.decode() for key, value in found.items()}


@pytest.mark.parametrize(
    "name, kind",
    [
        ("a.png", "image/png"),
        ("a.avif", "image/avif"),
        ("a.mp4", "video/mp4"),
        ("a.flac", "audio/flac"),
        ("a.glb", "model/gltf-binary"),
        ("a.jpg", "image/jpeg; charset=x"),
    ],
)
def test_media_is_shown_in_place(name, kind):
    found = answered(f"/gradio_api/file=/tmp/x/{name}", kind, f'inline; filename="{name}"')
    assert found["content-type"] == kind and found["content-disposition"] == f'inline; filename="{name}"'
    assert found["x-content-type-options"] == "nosniff" and "content-security-policy" not in found


@pytest.mark.parametrize(
    "name, kind",
    [
        ("a.svg", "image/svg+xml"),
        ("a.SVG", "image/png"),
        ("a.svg%2e", "image/png"),
        ("a.html", "text/html; charset=utf-8"),
        ("a.png", "text/html"),
        ("a.xml", "application/xml"),
        ("a.dae", "model/vnd.collada+xml"),
        ("a.js", "text/javascript"),
        ("a.mjs", "application/javascript"),
        ("a.pdf", "application/pdf"),
        ("a.xhtml", None),
        ("%2561.svg", None),
    ],
)
def test_what_could_run_is_only_ever_downloaded(name, kind):
    for route in (
        "/gradio_api/file=/tmp/x/",
        "/file=",
        "/gradio_api/file/",
        "/base/gradio_api/file=",
        "/gradio_api/proxy=",
    ):
        found = answered(route + name, kind, f'inline; filename="{name}"')
        assert found["content-type"] == "application/octet-stream"
        assert found["content-disposition"] == f'attachment; filename="{name}"'
        assert found["content-security-policy"] == "sandbox; default-src 'none'"
        assert found["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("kind", ["application/json", "application/zip", "text/plain", None])
def test_what_is_no_medium_is_a_download_under_its_own_name(kind):
    found = answered("/gradio_api/file=/tmp/x/a.bin", kind)
    assert found["content-disposition"] == "attachment" and "sandbox" in found["content-security-policy"]
    assert found.get("content-type") == kind


@pytest.mark.parametrize(
    "path", ["/", "/config", "/theme.css", "/assets/index-1.js", "/static/img/logo.svg", "/gradio_api/queue/data"]
)
def test_the_page_itself_is_left_alone(path):
    kind = "text/javascript" if path.endswith("js") else "text/html"
    assert answered(path, kind) == {"content-type": kind}


def test_headers_are_not_doubled():
    before = [(b"X-Content-Type-Options", b"none"), (b"Content-Security-Policy", b"x"), (b"ETag", b"1")]
    keys = [key.lower() for key, _ in file_headers("/file=a.svg", before)]
    assert sorted(keys) == sorted(set(keys)) and b"etag" in keys


# -- around the real server --------------------------------------------------------------------------------------------


@contextmanager
def page(folder, **limits):
    """A real server on a free port, the guard mounted as the studio mounts it."""
    with warnings.catch_warnings(action="ignore"):  # what the frameworks say about each other is not ours to fix
        import gradio as gr
        import httpx
        from starlette.middleware import Middleware

        with gr.Blocks() as blocks:
            gr.Image(label="Picture")
        _, address, _ = blocks.launch(
            server_name="127.0.0.1",
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            ssr_mode=False,
            run_history=False,
            allowed_paths=[str(folder)],
            app_kwargs={"middleware": [Middleware(Guard, **limits)]},
        )
        try:
            with httpx.Client(base_url=address, timeout=60) as client:
                yield client
        finally:
            blocks.close()


def test_gradio_works_behind_the_guard(tmp_path, loops_closed):  # noqa: F811
    (tmp_path / "a.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with page(tmp_path, upload_bytes=3000) as client:
        home = client.get("/")
        assert home.status_code == 200 and home.headers["content-type"].startswith("text/html")
        assert "content-disposition" not in home.headers
        style = client.get("/theme.css")
        assert style.status_code == 200 and style.headers["content-type"].startswith("text/css")
        scripts = set(re.findall(r"assets/[A-Za-z0-9_.-]+\.js", home.text))
        assert scripts
        for script in sorted(scripts)[:5]:
            loaded = client.get(f"/{script}")
            assert loaded.status_code == 200 and "javascript" in loaded.headers["content-type"], script
        drawing = client.get(f"/gradio_api/file={tmp_path}/a.svg")
        assert drawing.status_code == 200 and drawing.headers["content-disposition"].startswith("attachment")
        assert drawing.headers["content-type"] == "application/octet-stream"
        part = client.get(f"/gradio_api/file={tmp_path}/a.svg", headers={"range": "bytes=0-3"})
        assert (
            part.headers["content-type"] == "application/octet-stream"
            and "sandbox" in part.headers["content-security-policy"]
        )
        assert client.get(f"/gradio_api/file={tmp_path}/a.png").headers["content-type"] == "image/png"
        assert client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 1000)}).status_code == 200
        large = client.post("/gradio_api/upload", files={"files": ("a.png", b"x" * 9000)})
        assert large.status_code == 413 and "too large" in large.text
        streamed = client.post(
            "/gradio_api/upload",
            content=(
                b"--x\r\nContent-Disposition: form-data; name=files; filename=a\r\n\r\n" + b"y" * 2000 for _ in range(9)
            ),
            headers={"content-type": "multipart/form-data; boundary=x"},
        )
        assert streamed.status_code == 413 and "too large" in streamed.text
