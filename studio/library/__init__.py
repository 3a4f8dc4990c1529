"""Everything ever made: plain files in one folder, and an index that can be made again from them."""

from studio.library.asset import IMPORTED, Asset, made
from studio.library.library import Library
from studio.library.places import CALLED, MEDIA, result_id
from studio.library.search import Found

__all__ = ["CALLED", "IMPORTED", "MEDIA", "Asset", "Found", "Library", "made", "result_id"]
