"""The network that every starter shares."""

from pipelines.backbone.transformer import BackboneConfig, FlowTransformer

__all__ = ["BackboneConfig", "FlowTransformer"]
