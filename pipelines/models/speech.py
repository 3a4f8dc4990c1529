"""The speech starter: mel frames from phones that say when, a voice, and whatever of the recording is known.

One network speaks, edits and continues: it is shown the frames that are to stay and fills the others in, as F5-TTS does
(arXiv 2410.06885). Unlike F5-TTS it is told the phone of every frame, so that no word is skipped or said twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig, FlowTransformer
from pipelines.backbone.transformer import patchify
from pipelines.errors import ModelError
from pipelines.models.aligned import AlignedModel
from pipelines.models.weights import fill, load_config

NO_PHONE = 0  # id of a frame of which nothing is said; the alphabet's own ids begin at 1
GOES_ON, BEGINS = 1, 2  # of a word, a phone does
PLACE = 3  # numbers that say where in its phone a frame is


@dataclass(frozen=True)
class SpeechConfig:
    """Shape of a :class:`SpeechNetwork`.

    Attributes:
        backbone: 1-D, over mel bands and frames.
        alphabet: the phones, one character each; ids are 1 + the place in it.
        voices: names; ids are 1 + the place, 0 is nobody's in particular.
        width: of the phone encoder.
    """

    backbone: BackboneConfig
    alphabet: str
    voices: tuple[str, ...]
    width: int = 160


@dataclass(frozen=True)
class Frames:
    """What is to be spoken, frame by frame.

    Attributes:
        phones: ids [B, T] int64, 0 for nothing said.
        stresses: [B, T] int64: 0 none or unknown, 1 primary, 2 secondary.
        places: [B, T, 3]: how far through its phone a frame is (0 to 1), its length, and what is left, in log frames.
        voice: ids [B] int64, 0 for nobody's in particular.
        known: mel frames [B, BANDS + 1, T], zero where unknown; the last band says which are known.
    """

    phones: Tensor
    stresses: Tensor
    places: Tensor
    voice: Tensor
    known: Tensor


def places_of(lengths: Tensor) -> Tensor:
    """:attr:`Frames.places` [T, 3] of phones that last ``lengths`` [P] frames."""
    length = lengths.repeat_interleave(lengths).float()
    begin = (lengths.cumsum(0) - lengths).repeat_interleave(lengths)
    done = torch.arange(int(lengths.sum())) - begin + 0.5
    return torch.stack([done / length, length.log1p() / 3, (length - done).log1p() / 3], dim=-1)


class Convolutions(nn.Module):
    """Residual block over frames: depthwise convolution, then two linear layers (ConvNeXt, arXiv 2201.03545)."""

    def __init__(self, width: int, kernel: int = 7) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width)
        self.layers = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Advance ``x`` [B, T, width]."""
        return x + self.layers(self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2)))


class SpeechNetwork(nn.Module):
    """Noised mel frames and :class:`Frames` in, clean estimate out."""

    def __init__(self, config: SpeechConfig) -> None:
        super().__init__()
        self.config = config
        backbone, width = config.backbone, config.width
        self.phone = nn.Embedding(1 + len(config.alphabet), width)
        self.stress = nn.Embedding(3, width)
        self.place = nn.Linear(PLACE, width)
        self.encoder = nn.Sequential(Convolutions(width), Convolutions(width))
        (patch,) = backbone.patch
        self.from_phones = nn.Linear(patch * width, backbone.dim)
        self.from_known = nn.Linear(patch * (backbone.channels + 1), backbone.dim)
        self.voice = nn.Embedding(1 + len(config.voices), backbone.dim)
        self.context = nn.Linear(backbone.dim, backbone.dim)
        self.backbone = FlowTransformer(backbone)

    def encode(self, frames: Frames) -> tuple[Tensor, Tensor, Tensor]:
        """What does not depend on the noise: aligned [B, tokens, dim], context [B, 1, dim], pooled [B, dim]."""
        told = (frames.phones > 0)[..., None]
        x = self.phone(frames.phones) + self.stress(frames.stresses) + self.place(frames.places) * told
        x = self.encoder(x)
        patch = self.config.backbone.patch
        spoken = self.from_phones(patchify(x.transpose(1, 2), patch))
        pooled = self.voice(frames.voice)
        known = self.from_known(patchify(frames.known, patch).to(spoken.dtype))
        return spoken + known, self.context(pooled)[:, None], pooled

    def forward(self, x: Tensor, sigma: Tensor, frames: Frames) -> Tensor:
        """Clean estimate [B, BANDS, T] of ``x`` at ``sigma`` [B]."""
        aligned, context, pooled = self.encode(frames)
        return self.backbone(x, sigma, context, pooled, aligned=aligned)


@dataclass(frozen=True)
class SpeechCondition:
    """Encoded :class:`Frames`: ``aligned`` [B, tokens, dim], ``context`` [B, 1, dim] and ``pooled`` [B, dim]."""

    aligned: Tensor
    context: Tensor
    pooled: Tensor


class SpeechModel(AlignedModel):
    """A trained :class:`SpeechNetwork` as a :class:`pipelines.flow.FlowModel` over [B, BANDS, T], T a multiple of 2."""

    def __init__(
        self, network: SpeechNetwork, durations: "Durations", name: str = "speech",
        paces: Mapping[str, float] | None = None,
    ) -> None:  # fmt: skip
        """``paces`` is by how much longer each voice holds its phones than ``durations`` says; by default no longer."""
        super().__init__(network, name)
        self.durations, self.paces = durations.eval().requires_grad_(False), dict(paces or {})

    @property
    def voices(self) -> tuple[str, ...]:
        """Names of the voices."""
        return self.config.voices

    def ids(self, symbols: str) -> Tensor:
        """Ids [P] of phones.

        Raises:
            ModelError: a symbol is not of this model's alphabet.
        """
        strange = sorted(set(symbols) - set(self.config.alphabet))
        if strange:
            raise ModelError(f"model: {self.name!r} does not know the phones {', '.join(strange)}")
        return torch.tensor([1 + self.config.alphabet.index(symbol) for symbol in symbols])

    def voice(self, name: str) -> int:
        """Id of a voice.

        Raises:
            ModelError: there is no such voice.
        """
        if name not in self.voices:
            raise ModelError(f"voice: {self.name!r} has no voice {name!r}; choose one of {', '.join(self.voices)}")
        return 1 + self.voices.index(name)

    @torch.inference_mode()
    def encode(self, frames: Frames) -> SpeechCondition:
        """Encode what is to be spoken."""
        return SpeechCondition(*self.network.encode(frames))

    @torch.inference_mode()
    def nothing(self, frames: Frames) -> SpeechCondition:
        """The unconditional branch of guidance for the same length: nothing said, by nobody, nothing known."""
        return self.encode(emptied(frames))


def emptied(frames: Frames) -> Frames:
    """The same frames with nothing said of them."""
    return replace(
        frames, phones=torch.zeros_like(frames.phones), stresses=torch.zeros_like(frames.stresses),
        voice=torch.zeros_like(frames.voice), known=torch.zeros_like(frames.known),
    )  # fmt: skip


class Durations(nn.Module):
    """How long each phone lasts: log frames from the phones of a sentence, where its words begin, and a voice."""

    def __init__(self, alphabet: int, voices: int, width: int = 160) -> None:
        super().__init__()
        self.phone = nn.Embedding(1 + alphabet, width)
        self.stress = nn.Embedding(3, width)
        self.word = nn.Embedding(3, width)
        self.voice = nn.Embedding(1 + voices, width)
        self.blocks = nn.Sequential(*(Convolutions(width, 5) for _ in range(5)))
        self.far = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(width, 1)

    def forward(self, phones: Tensor, stresses: Tensor, words: Tensor, voice: Tensor) -> Tensor:
        """Natural logarithm of frames [B, P] of phones [B, P] spoken by ``voice`` [B].

        ``words`` [B, P] is :data:`BEGINS` where a word begins and :data:`GOES_ON` elsewhere, 0 where it is not known.
        """
        x = self.phone(phones) + self.stress(stresses) + self.word(words) + self.voice(voice)[:, None]
        x = self.blocks(x)
        return self.head(x + self.far(x)[0])[..., 0]


def words_at(begins: Sequence[int], phones: int) -> Tensor:
    """What :class:`Durations` is told of the words [P] of a row of phones; nothing where none begins."""
    told = torch.full((phones,), GOES_ON if len(begins) else 0)
    told[list(begins)] = BEGINS
    return told


def load_speech(folder: Path, *, dtype: torch.dtype = torch.float32) -> SpeechModel:
    """Load the shipped speech starter.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        voices = tuple(described["voices"])
        backbone = BackboneConfig.from_dict(described["backbone"])
        config = SpeechConfig(backbone, str(described["alphabet"]), voices, int(described["width"]))
        paces = {str(voice): float(pace) for voice, pace in described.get("paces", {}).items()}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network, durations = SpeechNetwork(config), Durations(len(config.alphabet), len(voices))
    both = nn.ModuleDict({"network": network, "durations": durations})
    fill(both, folder)
    return SpeechModel(network.to(dtype), durations, paces=paces)
