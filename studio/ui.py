"""Assembly: which tabs there are, and how the page is served."""

import os
from collections.abc import Callable
from typing import Any

import gradio as gr

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


def serve(page: gr.Blocks, host: str = LOCAL, port: int = PORT, block: bool = True) -> tuple[Any, str, str]:
    """Serve the page on this machine alone, unless ``host`` says otherwise; never through a public tunnel.

    Raises:
        SystemExit: the port is taken; the message says what to do.
    """
    page.queue(default_concurrency_limit=1, max_size=64, api_open=False)
    try:
        return page.launch(
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
            show_error=True,
            quiet=not block,
            prevent_thread_lock=not block,
        )
    except OSError as error:
        raise SystemExit(
            f"Eddyline cannot listen on {host}:{port}: it is probably taken. Try another: --port {port + 1}\n({error})"
        ) from None
