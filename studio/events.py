"""How the page's events reach the program; none is part of the API, which ``studio/api.py`` publishes by itself."""

from typing import Any

_PRIVATE: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
# A click that is answered at once, past Gradio's queue.
QUICK: dict[str, Any] = {"queue": False, **_PRIVATE}
# Through Gradio's queue, which alone carries toasts and updates one after the other. What waits there waits most of the
# time, so every open page may have one.
QUEUED: dict[str, Any] = {"concurrency_limit": None, **_PRIVATE}
