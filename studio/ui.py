"""Assembly: which tabs there are, and how the page is served."""

import os
from collections.abc import Callable

import gradio as gr

from pipelines.paths import assets
from studio import theme
from studio.tabs import image

TABS: tuple[tuple[str, str, Callable[[], None]], ...] = (("Image", "image", image.build),)
LOCAL = "127.0.0.1"
PORT = 7860


def build() -> gr.Blocks:
    """The whole page, not served yet."""
    with gr.Blocks(title="Eddyline", analytics_enabled=False, fill_width=True, delete_cache=(86_400, 86_400)) as page:
        gr.HTML(theme.header(), elem_classes=["header"], apply_default_css=False, js_on_load=None)
        with gr.Tabs(elem_classes=["media"]):
            for title, name, place in TABS:
                with gr.Tab(title, id=name):
                    place()
    return page


def start(host: str, port: int) -> tuple[gr.Blocks, str]:
    """Build the page and serve it in the background, on this machine or network only: never through a tunnel.

    Returns:
        The page, and its address.

    Raises:
        SystemExit: the port is taken; the message says what to do.
    """
    page = build()
    page.queue(default_concurrency_limit=1, max_size=64, api_open=False)
    try:
        _, address, _ = page.launch(
            server_name=host,
            server_port=port,
            root_path=os.environ.get("GRADIO_ROOT_PATH"),
            share=False,
            theme=theme.theme(),
            css=theme.css(),
            head=theme.head(),
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            max_file_size="64mb",
            allowed_paths=[
                str(assets() / "examples")
            ],  # shipped files only; once installed they lie outside the folder
            quiet=True,
            prevent_thread_lock=True,
        )
    except OSError:
        raise SystemExit(
            f"Eddyline cannot listen on {host}:{port}; something else probably does. Try: --port {port + 1}"
        ) from None
    return page, address


def serve(host: str | None = None, port: int | None = None) -> None:
    """Serve the page until it is stopped; what is not said comes from the environment, or stays on this machine."""
    # A Space is reached through its own proxy, which needs every address; elsewhere nobody else may connect.
    fallback = "0.0.0.0" if "SPACE_ID" in os.environ else LOCAL
    host = host or os.environ.get("GRADIO_SERVER_NAME") or fallback
    page, address = start(host, port or int(os.environ.get("GRADIO_SERVER_PORT") or PORT))
    print(f"Eddyline is at {address} (Ctrl+C stops it)", flush=True)
    page.block_thread()
