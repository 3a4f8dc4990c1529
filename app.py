"""Start the studio: `python app.py`, and what a Hugging Face Space runs."""

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def main() -> None:
    """Read the address, build the page, serve it."""
    parser = argparse.ArgumentParser(description="Eddyline: make and edit media in the browser.")
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME; else this machine alone)")
    parser.add_argument("--port", type=int, help="port to listen on (GRADIO_SERVER_PORT; else 7860)")
    parser.add_argument("--auth", help="name:password to ask for, several separated by commas (EDDYLINE_AUTH)")
    parser.add_argument("--shared", action="store_true", help="several people come through a proxy (EDDYLINE_SHARED=1)")
    parser.add_argument("--mcp", action="store_true", help="serve MCP tools too (EDDYLINE_MCP=1)")
    chosen = parser.parse_args()

    from studio.ui import serve  # after --help: this brings in Gradio

    serve(chosen.host, chosen.port, chosen.auth, shared=chosen.shared, mcp=chosen.mcp)


if __name__ == "__main__":
    main()
