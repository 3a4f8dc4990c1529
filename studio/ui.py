"""Assembly: which tabs there are, and how the page is served."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from pipelines.errors import StudioError
from studio import language, theme
from studio.api import publish
from studio.events import QUICK
from studio.guard import FILES, Guard, Local
from studio.intake import Limits
from studio.people import People, is_local
from studio.routes import routes
from studio.tabs import audio, drop, image, lipsync, models, sending, video
from studio.tabs.library import LibraryTab
from studio.tabs.mesh import MeshTab
from studio.workshop import RUNNER, Workshop, number

LOCAL = "127.0.0.1"
PORT = 7860


@dataclass(frozen=True)
class Served:
    """A running studio: close it when it is done with."""

    page: gr.Blocks
    shop: Workshop
    address: str

    def close(self) -> None:
        """End the server and its workers; a job that runs is left to be run again."""
        self.page.close()
        self.shop.stop()


def build(shop: Workshop) -> gr.Blocks:
    """The whole page, not served yet."""
    with gr.Blocks(title="Eddyline", analytics_enabled=False, fill_width=True, delete_cache=(86_400, 86_400)) as page:
        gr.HTML(theme.header(), elem_classes=["header"], apply_default_css=False, js_on_load=None)
        with gr.Tabs(elem_classes=["media"]) as tabs:
            with gr.Tab("Image", id="image"):
                takers = {"image": image.build(shop, page)}
            with gr.Tab("Video", id="video"):
                takers["video"] = video.build(shop, page)
            with gr.Tab("Audio", id="audio"):
                takers["audio"] = audio.build(shop, page)
            with gr.Tab("3D mesh", id="mesh"):
                meshes = MeshTab(shop, page)
                takers["mesh"] = meshes.taker
            with gr.Tab("Lip-sync", id="lipsync"):
                takers["lipsync"] = lipsync.build(shop, page)
            with gr.Tab("Library", id="library") as opened:
                shelves = LibraryTab(shop, tabs, takers)
                shelves.wire(opened)
            with gr.Tab("Models", id="models") as listed:
                cards = models.build(shop.load, shop.unload, shop.loaded, own=not shop.people.shared)
                listed.select(cards.refresh, cards.filter, cards.page, **QUICK)
        sending.build(tabs, takers)
        meshes.send_films(tabs, takers)
        drop.build(shop, tabs, takers, shelves)
        publish(shop)
    language.mark(page)
    return page


def start(
    host: str,
    port: int,
    *,
    home: Path | None = None,
    auth: list[tuple[str, str]] | None = None,
    shared: bool = False,
    mcp: bool = False,
    runner: str = RUNNER,
) -> Served:
    """Build the page and serve it in the background, on this machine or network only: never through a tunnel.

    Args:
        host: address to listen on; one that others can reach makes the studio shared: each sees their own work.
        port: port to listen on.
        home: folder of files and queue; see :func:`studio.store.home`.
        auth: names and passwords that may enter; None asks for none.
        shared: several people reach this address through a proxy of this machine.
        mcp: serve the runs as tools for language models too (Model Context Protocol), at ``/gradio_api/mcp``.
        runner: module:factory of what runs jobs.

    Raises:
        SystemExit: the port is taken, the folder cannot be used, or MCP's package is missing: says what to do.
    """
    if mcp and find_spec("mcp") is None:  # Gradio would answer its address with "not found", and say nothing
        raise SystemExit("Eddyline cannot start: MCP needs the package 'mcp'; run pip install '.[mcp]'")
    people = People(shared or not is_local(host), locked=auth is not None, embedded="SPACE_ID" in os.environ)
    try:
        shop, limits = Workshop.open(people, home, runner=runner), Limits.from_environment()
    except StudioError as error:
        raise SystemExit(f"Eddyline cannot start: {error}") from None
    # Uploads come with some kilobytes of form around them; our own files are guarded like Gradio's.
    guard = Middleware(Guard, upload_bytes=limits.upload_bytes + 1_000_000, files=(*FILES, "/studio/assets/"))
    local = [] if people.shared else [Middleware(Local, names=(host,))]
    page = build(shop)
    # Followers wait in the queue's slots for as long as a job takes; the studio's own queue limits what is asked.
    page.queue(default_concurrency_limit=8, max_size=1024, api_open=False)
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            root_path=os.environ.get("GRADIO_ROOT_PATH"),
            share=False,
            auth=auth,
            theme=theme.theme(),
            css=theme.css(),
            head=language.script() + theme.head(),  # the page's script speaks through it
            i18n=language.gradio_words(),
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=mcp,
            max_file_size=limits.upload_bytes,
            app_kwargs={"routes": routes(shop), "middleware": [*local, guard, Middleware(people.middleware)]},
            quiet=True,
            prevent_thread_lock=True,
        )
    except (OSError, OverflowError):
        raise SystemExit(
            f"Eddyline cannot listen on {host}:{port}; something else probably does. Try: --port {port + 1}"
        ) from None
    shop.start()
    return Served(page, shop, address)


def serve(
    host: str | None = None,
    port: int | None = None,
    auth: str | None = None,
    *,
    shared: bool = False,
    mcp: bool = False,
) -> None:
    """Serve the page until it is stopped; what is not said comes from the environment, or stays on this machine.

    Args:
        host: address to listen on (``GRADIO_SERVER_NAME``).
        port: port to listen on (``GRADIO_SERVER_PORT``).
        auth: ``name:password``, several separated by commas (``EDDYLINE_AUTH``).
        shared: several people reach this address through a proxy (``EDDYLINE_SHARED=1``).
        mcp: serve MCP tools too (``EDDYLINE_MCP=1``).
    """
    # A Space is reached through its own proxy, which needs every address; elsewhere nobody else may connect.
    fallback = "0.0.0.0" if "SPACE_ID" in os.environ else LOCAL
    host = host or os.environ.get("GRADIO_SERVER_NAME") or fallback
    named = auth or os.environ.get("EDDYLINE_AUTH")
    served = start(
        host,
        port or number("GRADIO_SERVER_PORT", PORT),
        auth=_entries(named),
        shared=shared or os.environ.get("EDDYLINE_SHARED") == "1",
        mcp=mcp or os.environ.get("EDDYLINE_MCP") == "1",
    )
    print(
        f"Eddyline is at {served.address} and keeps its files in {served.shop.store.home} (Ctrl+C stops it)", flush=True
    )
    try:
        served.page.block_thread()
    finally:
        served.close()


def _entries(named: str | None) -> list[tuple[str, str]] | None:
    if not named:
        return None
    entries = [tuple(part.split(":", 1)) for part in named.split(",")]
    if any(len(entry) != 2 or not all(entry) for entry in entries):
        raise SystemExit("auth: expected name:password, several separated by commas")
    return entries  # type: ignore[return-value]
