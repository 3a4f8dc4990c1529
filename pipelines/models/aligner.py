"""When each phone of a recording is spoken: a small network that hears phones in mel frames, and the best path.

The network says for each frame how likely each class of phones is; Viterbi's algorithm finds the times at which the
phones that are known to be spoken, in their order, with pauses where there are any, fit best.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.errors import MediaError, ModelError
from pipelines.models.weights import load_config, load_weights

PAUSE = "_"
PAUSES = "_,;:.!?—…"
# Phones that a recording tells apart too little: three schwas, two flaps, a glottal stop that is often a t.
ALIKE = {"ɐ": "ə", "ᵊ": "ə", "ᵻ": "ɪ", "ɾ": "T", "ʔ": "t", **dict.fromkeys(PAUSES, PAUSE)}
CLASSES = PAUSE + "AIOWYæɑəɛɜɪiɔuʊʌbdfhjklmnpstvwzðŋɡɹTʃʒʤʧθ"
BANDS = 100
MAX_FRAMES = 18_000  # 3 minutes 12 seconds: the table of paths grows with the square of the length
SHORTEST = 2  # frames of a phone: faster speech than 45 phones a second there is none
_NEVER = -1e9


def classes_of(symbols: str) -> list[int]:
    """Class of each phone.

    Raises:
        ModelError: a symbol is no phone.
    """
    folded = [ALIKE.get(symbol, symbol) for symbol in symbols]
    strange = sorted(set(folded) - set(CLASSES))
    if strange:
        raise ModelError(f"phones: the aligner does not know {', '.join(strange)}")
    return [CLASSES.index(symbol) for symbol in folded]


class Block(nn.Module):
    """Residual depthwise convolution with steps between its taps, then two linear layers, over [B, width, T]."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 5, padding=2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.GroupNorm(1, width)
        self.up, self.down = nn.Conv1d(width, 2 * width, 1), nn.Conv1d(2 * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Advance ``x`` [B, width, T]."""
        y = self.depthwise(x)
        # Over the width alone, so that a frame does not depend on how much is around it.
        y = (y - y.mean(1, keepdim=True)) * torch.rsqrt(y.var(1, keepdim=True, unbiased=False) + 1e-5)
        y = y * self.norm.weight[:, None] + self.norm.bias[:, None]
        return x + self.down(nn.functional.gelu(self.up(y)))


class AlignerNetwork(nn.Module):
    """Mel frames in, scores of ``CLASSES`` out; sees 31 frames (0.33 s) to either side."""

    def __init__(self, width: int = 160, dilations: Sequence[int] = (1, 2, 4, 1, 2, 4)) -> None:
        super().__init__()
        self.width, self.dilations = width, tuple(dilations)
        self.enter = nn.Conv1d(BANDS, width, 3, padding=1)
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in dilations)
        self.leave = nn.Conv1d(width, len(CLASSES), 1)

    def forward(self, latent: Tensor) -> Tensor:
        """Logits [B, CLASSES, T] of ``latent`` [B, BANDS, T]."""
        # The recording's own level and tone are not what is said.
        x = self.enter(latent - latent.mean(2, keepdim=True))
        for block in self.blocks:
            x = block(x)
        return self.leave(x)


@dataclass(frozen=True)
class Alignment:
    """When each of ``symbols`` is spoken.

    Attributes:
        symbols: what was aligned.
        begins: first frame of each.
        lengths: frames of each; 0 for a pause that is not made. They follow one another and fill the recording.
        scores: mean log-probability of each in its frames, in nats: near -0.5 what is spoken clearly, below -3 what
            is not spoken there.
    """

    symbols: str
    begins: tuple[int, ...]
    lengths: tuple[int, ...]
    scores: tuple[float, ...]

    @property
    def score(self) -> float:
        """Mean score over the frames in which something is said."""
        said = [i for i, symbol in enumerate(self.symbols) if symbol not in PAUSES]
        frames = sum(self.lengths[i] for i in said)
        return sum(self.scores[i] * self.lengths[i] for i in said) / max(frames, 1)


class Aligner:
    """A trained :class:`AlignerNetwork` and the search for the best path."""

    def __init__(self, network: AlignerNetwork, counts: Tensor) -> None:
        self.network = network.eval().requires_grad_(False)
        self.log_prior = (counts / counts.sum()).clamp(min=1e-4).log()

    @torch.inference_mode()
    def hear(self, latent: Tensor) -> Tensor:
        """Log-probability [T, CLASSES] of each class in each frame of ``latent`` [1, BANDS, T]."""
        return self.network(latent.float())[0].T.log_softmax(1)

    @torch.inference_mode()
    def clarity(self, latent: Tensor, symbols: str, lengths: Sequence[int], anew: Tensor) -> Tensor:
        """How clearly each of the takes ``latent`` [N, BANDS, T] says ``symbols``, in nats [N]: 0 is best.

        Phone i lasts ``lengths[i]`` frames; the mean is over the frames ``anew`` [T] bool in which something is said.
        A frame may be a frame early or late.

        Raises:
            ModelError: a symbol is no phone.
        """
        heard = self.network(latent.float()).log_softmax(1)
        heard = nn.functional.max_pool1d(heard, 3, 1, 1)
        classes = torch.tensor(classes_of(symbols)).repeat_interleave(torch.tensor(list(lengths)))
        said = anew & (classes != CLASSES.index(PAUSE))
        rows = torch.arange(len(classes))
        each = heard[:, classes, rows]
        # Of nothing said, silence is the clearest.
        return each[:, said if said.any() else anew].mean(1)

    def align(self, latent: Tensor, symbols: str) -> Alignment:
        """The times of ``symbols`` in ``latent`` [1, BANDS, T]; pauses among them are made or not, as it fits.

        Raises:
            MediaError: the recording is longer than ``MAX_FRAMES``, or too short for its phones.
            ModelError: a symbol is no phone, or none is given.
        """
        frames = latent.shape[-1]
        said = sum(symbol not in PAUSES for symbol in symbols)
        if not said:
            raise ModelError("phones: nothing to align; give at least one that is no pause")
        if frames > MAX_FRAMES:
            raise MediaError(
                f"recording: {frames * 256 / 24_000:.1f} s long, at most {MAX_FRAMES * 256 / 24_000:.1f} s; "
                "cut it to the part that you want to change"
            )
        if frames < SHORTEST * said:
            raise MediaError(
                f"recording: {frames * 256 / 24_000:.1f} s is too short to say the words that it should; "
                "check the words, or the recording"
            )
        heard, classes = self.hear(latent).numpy(), np.array(classes_of(symbols))
        # A frame's likelihood is its probability over the class's own; half of that, for neighbours are no strangers.
        likely = heard - 0.5 * self.log_prior.numpy()
        path = best_path(likely[:, classes], [symbol in PAUSES for symbol in symbols])
        lengths = np.bincount(path, minlength=len(symbols))
        begins = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        fits = heard[np.arange(frames), classes[path]]
        scores = np.bincount(path, fits, len(symbols)) / np.maximum(lengths, 1)
        return Alignment(symbols, tuple(map(int, begins)), tuple(map(int, lengths)), tuple(map(float, scores)))


def best_path(scores: np.ndarray, optional: Sequence[bool]) -> np.ndarray:
    """Which state each frame is in, int [T], on the path of the highest sum of ``scores`` [T, states].

    States follow in order and last at least ``SHORTEST`` frames; those that are ``optional`` may last any number.
    """
    # Each state that must last is a chain of places, the last of which may repeat.
    owner = np.array([s for s, free in enumerate(optional) for _ in range(1 if free else SHORTEST)])
    free = np.array(optional)[owner]
    stays = np.append(owner[1:] != owner[:-1], True)
    # A place is entered from the one before it, or past one optional state.
    skips = np.zeros(len(owner), bool)
    skips[2:] = free[1:-1]
    emitted = scores[:, owner]
    # It begins with the first state that must last, or an optional one before it, and ends likewise.
    must = np.flatnonzero(~free)
    first, last = (int(must[0]), int(must[-1])) if len(must) else (len(owner) - 1, 0)
    total = np.full(len(owner), _NEVER)
    total[: first + 1] = emitted[0, : first + 1]
    came = np.zeros((len(scores), len(owner)), np.int8)
    for frame in range(1, len(scores)):
        stay = np.where(stays, total, _NEVER)
        step = np.concatenate([[_NEVER], total[:-1]])
        skip = np.where(skips, np.concatenate([[_NEVER, _NEVER], total[:-2]])[: len(owner)], _NEVER)
        best = np.maximum(np.maximum(stay, step), skip)
        came[frame] = np.where(best == stay, 0, np.where(best == step, 1, 2))
        total = best + emitted[frame]
    place = last + int(total[last:].argmax())
    path = np.empty(len(scores), np.int64)
    for frame in range(len(scores) - 1, -1, -1):
        path[frame] = owner[place]
        place -= int(came[frame, place])
    return path


def load_aligner(folder: Path) -> Aligner:
    """Load the shipped aligner.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    tensors = load_weights(folder)
    try:
        if described["classes"] != CLASSES:
            raise ModelError(f"model: {folder.name!r} is for other phones than this version's; reinstall eddyline")
        with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
            network = AlignerNetwork(described["width"], described["dilations"])
        counts = torch.tensor(described["counts"], dtype=torch.float32)
        network.load_state_dict(tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelError(f"model: {folder.name!r} does not fit this version ({error}); reinstall eddyline") from error
    return Aligner(network, counts)
