"""A project: some of the library in one zip that another machine can read and run again."""

from studio.project.importing import import_project
from studio.project.packing import export_project
from studio.project.replaying import Replayed, replay, replay_assets

__all__ = ["Replayed", "export_project", "import_project", "replay", "replay_assets"]
