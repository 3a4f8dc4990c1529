"""Formants raised again before the vocoder."""

import torch

from pipelines.codecs.mel import SILENCE
from pipelines.speech.postfilter import sharpened


def test_peaks_over_the_bands_grow_and_level_stays():
    latent = torch.rand(2, 20, 7, generator=torch.Generator().manual_seed(0)) + 1
    raised = sharpened(latent)
    assert raised.std(1).mean() > 1.2 * latent.std(1).mean()
    torch.testing.assert_close(raised.mean((1, 2)), latent.mean((1, 2)), atol=0.02, rtol=0)
    assert torch.equal(sharpened(latent, 0), latent)


def test_even_frames_stay_and_frames_do_not_mix():
    even = torch.linspace(-1, 1, 5).expand(1, 8, 5)
    torch.testing.assert_close(sharpened(even), even)
    latent = even.clone()
    latent[0, 3, 2] += 1
    changed = (sharpened(latent) != even).any(1)[0]
    assert changed.tolist() == [False, False, True, False, False]


def test_nothing_falls_below_silence():
    latent = torch.full((1, 8, 3), SILENCE)
    latent[:, 4] = 1
    assert sharpened(latent).min() == SILENCE
