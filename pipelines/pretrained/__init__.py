"""Pictures, clips and sounds from public checkpoints: the same settings and events as of the starters."""

from pipelines.pretrained.loaded import explain, open_checkpoint

__all__ = ["explain", "open_checkpoint"]
