"""Start the studio: `python app.py`, and what a Hugging Face Space runs."""

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def main() -> None:
    """Read the address, build the page, serve it."""
    parser = argparse.ArgumentParser(description="Eddyline: make and edit media in the browser.")
    parser.add_argument("--host", help="address to listen on (GRADIO_SERVER_NAME; else this machine alone)")
    parser.add_argument("--port", type=int, help="port to listen on (GRADIO_SERVER_PORT; else 7860)")
    chosen = parser.parse_args()

    from studio.ui import serve  # after --help: this brings in Gradio

    serve(chosen.host, chosen.port)


if __name__ == "__main__":
    main()
