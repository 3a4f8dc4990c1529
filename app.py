"""Start the studio: `python app.py`, and what a Hugging Face Space runs."""

import argparse
import os

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")


def main() -> None:
    """Read the address, build the page, serve it."""
    parser = argparse.ArgumentParser(description="Eddyline: make and edit media in the browser.")
    # A Space is reached through its own proxy; everywhere else the page stays on this machine.
    fallback = "0.0.0.0" if "SPACE_ID" in os.environ else "127.0.0.1"
    parser.add_argument("--host", default=os.environ.get("GRADIO_SERVER_NAME", fallback), help="address to listen on")
    parser.add_argument(
        "--port", type=int, default=int(os.environ.get("GRADIO_SERVER_PORT", "7860")), help="port to listen on"
    )
    chosen = parser.parse_args()

    from studio import ui  # after --help: this brings in Gradio

    ui.serve(ui.build(), chosen.host, chosen.port)


if __name__ == "__main__":
    main()
