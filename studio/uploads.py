"""Which files a page or a program may name: those that it has uploaded, and no others of this machine.

Gradio checks a sent path only where it is marked as a file of its own, so whatever reaches us as a path is checked
again here.
"""

from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from pipelines.errors import MediaError


def uploaded(path: Any) -> Path:
    """``path`` if it lies in the folder of uploads.

    Raises:
        MediaError: it does not, or is no path; the message is the same for what exists and what does not.
    """
    if isinstance(path, str) and path and "\0" not in path:
        found = Path(path).resolve()
        if found.is_relative_to(Path(get_upload_folder()).resolve()) and found.is_file():
            return found
    raise MediaError("file: was not uploaded here; send it first and name what the upload answered")
