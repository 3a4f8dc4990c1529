"""Where the shipped files are: beside the source in a checkout, inside the package once installed."""

from pathlib import Path


def assets() -> Path:
    """Folder with weights, examples and presets."""
    inside = Path(__file__).parent / "_assets"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "assets"
