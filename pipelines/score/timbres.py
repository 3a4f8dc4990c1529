"""Everything that can sound, by the names that scores give them."""

from pipelines.score.instruments import DRUM_KITS, INSTRUMENTS
from pipelines.score.noises import NOISES
from pipelines.score.recordings import RECORDINGS

TIMBRES = (
    *(f"program {program}" for instrument in INSTRUMENTS for program in instrument.programs),
    *(f"kit {kit}" for kit in DRUM_KITS),
    *(f"noise {name}" for name in NOISES),
    *(f"recording {name}" for name in RECORDINGS),
)
