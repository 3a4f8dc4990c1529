"""The last of the vocoder: spectra are bent to the frames they were made from, and made to agree with each other.

A round inverts the spectra, analyses the wave, and scales what it finds so that every mel band is as loud as its frame
says: the projections of Griffin and Lim (1984) with the momentum of Perraudin et al. (2013), but with magnitudes known
a band at a time, so that what lies inside a band, and every phase, stays what the network made of it. Sounds that come
in pieces are refined a window at a time, behind frames that are final and with some ahead, as in RTISI-LA (Zhu,
Beauregard and Wyse 2007).
"""

from functools import lru_cache

import torch
from torch import Tensor

from pipelines.codecs.mel import FLOOR, HOP, WINDOW, filters
from pipelines.models.sources import OVERLAP, Running, hann, overlap

ROUNDS = 16
MOMENTUM = 0.9
AHEAD = 16  # frames beyond those that become final
BEHIND = OVERLAP - 1  # final frames that still overlap the ones to refine
EDGE = (WINDOW - HOP) // 2


def refined(spectra: Tensor, bands: Tensor, final: Tensor, *, last: bool) -> Tensor:
    """Spectra [1, n, BINS] that agree with their neighbours and with the loudness ``bands`` [1, n, BANDS].

    ``final`` [1, BEHIND, BINS] are the frames before, which stay as they are; none where the sound begins. Nothing
    follows where ``last``.
    """
    fixed = final.shape[1]
    bank, spread = _filters()
    wanted = bands.clamp(min=FLOOR).log()
    found = former = _agreed(torch.cat([final, spectra], 1), start=not fixed, last=last)
    for _ in range(ROUNDS):
        pushed = (found + MOMENTUM * (found - former))[:, fixed:]
        former = found
        size = found.abs()[:, fixed:]
        excess = (size @ bank.T).clamp(min=FLOOR).log() - wanted
        size = size * (-excess.clamp(-7, 7) @ spread).exp()
        turned = pushed.sgn() * size
        found = _agreed(torch.cat([final, turned], 1), start=not fixed, last=last)
    return found[:, fixed:]


@lru_cache(maxsize=1)
def _filters() -> tuple[Tensor, Tensor]:
    """The mel filters [BANDS, BINS], and weights of the same shape that spread a value of bands over their bins."""
    bank = filters()
    return bank, bank / bank.sum(0).clamp(min=1e-3)


def _agreed(spectra: Tensor, *, start: bool, last: bool) -> Tensor:
    """Spectra of the wave that ``spectra`` [1, n, BINS] add up to; silent outside a sound that starts or ends here."""
    wave = overlap(spectra, Running(last=True, skip=0, trim=0))
    if start:
        wave[:, :EDGE] = 0
    if last:
        wave[:, -EDGE:] = 0
    return torch.fft.rfft(wave.unfold(1, WINDOW, HOP) * hann().to(wave.device), dim=2)


class Refiner:
    """Refines frames as they come, ``block`` at a time, however many come at once."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._spectra: Tensor | None = None
        self._bands: Tensor | None = None
        self._final: Tensor | None = None

    def __call__(self, spectra: Tensor, bands: Tensor, *, last: bool) -> Tensor:
        """Final spectra [1, m, BINS] after new ``spectra`` [1, n, BINS] of loudness ``bands`` [1, n, BANDS]."""
        waiting = spectra if self._spectra is None else torch.cat([self._spectra, spectra], 1)
        loudness = bands if self._bands is None else torch.cat([self._bands, bands], 1)
        final = waiting[:, :0] if self._final is None else self._final
        done = [waiting[:, :0]]
        while waiting.shape[1] >= self._block + AHEAD or (last and waiting.shape[1]):
            seen = min(waiting.shape[1], self._block + AHEAD)
            ends = last and seen == waiting.shape[1]
            better = refined(waiting[:, :seen], loudness[:, :seen], final, last=ends)
            count = seen if ends else self._block
            done.append(better[:, :count])
            final = torch.cat([final, done[-1]], 1)[:, -BEHIND:]
            # What was ahead is refined again, from where it got to.
            waiting = torch.cat([better[:, count:], waiting[:, seen:]], 1)
            loudness = loudness[:, count:]
        self._spectra, self._bands, self._final = waiting, loudness, final
        return torch.cat(done, 1)
