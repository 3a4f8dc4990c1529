"""Formants raised again that a small flow model leaves flat, before the vocoder hears them."""

from torch import Tensor
from torch.nn.functional import pad

from pipelines.codecs.mel import SILENCE

AMOUNT = 1.0  # at 2 quality is below that of none (DNSMOS), though words are heard better


def sharpened(latent: Tensor, amount: float = AMOUNT) -> Tensor:
    """Mel frames [B, BANDS, T] with peaks and valleys over the bands enlarged; frames do not mix.

    A network trained on squared error answers with a mean, which is smoother over frequency than any recording is. As
    postfilters of speech coders do (Chen and Gersho, 1995), what differs from the neighbouring bands is raised:
    latent + amount (latent - blur), with a blur of 1/4, 1/2, 1/4.
    """
    wide = pad(latent, (0, 0, 1, 1), "replicate")
    blur = (wide[:, :-2] + wide[:, 2:]) / 4 + latent / 2
    return (latent + amount * (latent - blur)).clamp(min=SILENCE)
