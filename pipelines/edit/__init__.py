"""The inversion engine and the editors beside it. They see only :class:`pipelines.flow.FlowModel`."""

from pipelines.edit.anchor import toward
from pipelines.edit.features import Sharing, open_features
from pipelines.edit.flow_edit import flow_edit
from pipelines.edit.mask import blend, composite, feathered
from pipelines.edit.mix import magic_mix, sde_edit
from pipelines.edit.rf_edit import invert, rf_edit
from pipelines.edit.types import EditPlan, EditStep

__all__ = [
    "EditPlan", "EditStep", "Sharing", "blend", "composite", "feathered", "flow_edit", "invert", "magic_mix",
    "open_features", "rf_edit", "sde_edit", "toward",
]  # fmt: skip
