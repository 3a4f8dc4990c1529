"""F5-TTS (arXiv 2410.06885): its network under the names of the published weights, its characters, and as a flow model.

Written for this engine; equal to the package ``f5-tts`` 1.1.22 within rounding, which a test holds where that is
installed.
"""

from pipelines.models.f5tts.model import F5Model, Spoken, load_f5
from pipelines.models.f5tts.text import Characters, written_out

__all__ = ["Characters", "F5Model", "Spoken", "load_f5", "written_out"]
