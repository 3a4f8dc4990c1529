"""A speech pipeline small enough for tests: untrained networks, and an aligner that is told the answer."""

import numpy as np
import torch

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mel import BANDS
from pipelines.models.aligner import Alignment
from pipelines.models.speech import Durations, SpeechConfig, SpeechModel, SpeechNetwork
from pipelines.models.vocoder import Vocoder, VocoderConfig, VocoderNetwork
from pipelines.reading.phones import PHONES
from pipelines.speech import SpeechPipeline

VOICES = ("heart", "slt", "rms", "awb", "kal")
CONFIG = SpeechConfig(
    BackboneConfig(channels=BANDS, grid=(64,), patch=(2,), dim=32, depth=2, heads=2, bottleneck=16), PHONES, VOICES, 16
)


class ToldAligner:
    """Gives every phone the same share of the frames, and the scores that it is told."""

    def __init__(self, score=-0.5):
        self.score, self.best, self.asked = score, 0, []

    def clarity(self, latent, symbols, lengths, anew):
        """Take ``best`` is the clearest."""
        self.asked.append((latent, symbols, lengths, anew))
        assert sum(lengths) == len(anew) == latent.shape[2] and len(symbols) == len(lengths)
        return torch.tensor([float(take == self.best) for take in range(len(latent))])

    def align(self, latent, symbols):
        edges = np.linspace(0, latent.shape[-1], len(symbols) + 1).round().astype(int)
        lengths = tuple(int(n) for n in np.diff(edges))
        return Alignment(symbols, tuple(int(n) for n in edges[:-1]), lengths, (self.score,) * len(symbols))


def tiny_model(seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network, durations = SpeechNetwork(CONFIG), Durations(len(PHONES), len(VOICES), 16)
        for parameter in [*network.parameters(), *durations.parameters()]:
            torch.nn.init.normal_(parameter, std=0.05)
        torch.nn.init.constant_(durations.head.bias, 2.0)
    return SpeechModel(network, durations)


def tiny_vocoder():
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Vocoder(VocoderNetwork(VocoderConfig(dim=16, depth=2)))


def tiny_pipeline(score=-0.5):
    return SpeechPipeline(tiny_model(), tiny_vocoder(), ToldAligner(score))
