"""The network as a :class:`pipelines.flow.FlowModel`, and its published files.

Its time runs from noise at 0 to data at 1 and it answers data - noise: sigma is 1 - time, the velocity the negative
answer. The signal is :mod:`pipelines.codecs.mel`, as natural logarithms of magnitudes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pipelines.checkpoints import f5tts as layout
from pipelines.codecs.mel import BANDS
from pipelines.errors import ModelError
from pipelines.flow.schedule import sway
from pipelines.flow.types import Site, Tap
from pipelines.models.f5tts.network import HEAD, F5Config, F5Network
from pipelines.models.f5tts.text import Characters

MAX_FRAMES = 4096  # 44 s, all that is known and made together; it learned from recordings of up to 30 s


@dataclass(frozen=True)
class Spoken:
    """What is to be heard: ``text`` [B, T, C] from the encoder, and what is ``known`` of the frames [B, T, BANDS]."""

    text: Tensor
    known: Tensor


class F5Model:
    """A loaded :class:`F5Network` over log-mel frames [B, BANDS, T]."""

    def __init__(self, network: F5Network, characters: Characters, name: str = "f5-tts") -> None:
        self.name, self.network, self.characters = name, network.eval().requires_grad_(False), characters
        self.sites = tuple(Site(site, f"transformer_blocks.{site}", 0) for site in range(network.config.depth))

    @property
    def value_dtype(self) -> torch.dtype:
        """Dtype of the values that a tap sees."""
        return self._weight.dtype

    @property
    def _weight(self) -> Tensor:
        return self.network.proj_out.weight

    def value_shape(self, x: Tensor) -> tuple[int, int, int]:
        """Shape [B, N, C] of the values at each site."""
        return x.shape[0], x.shape[2], self.network.config.heads * HEAD

    @torch.inference_mode()
    def encode(self, ids: Sequence[int], known: Tensor, told: bool = True) -> Spoken:
        """The condition of characters ``ids`` and ``known`` frames [1, BANDS, T], zero where nothing is.

        Without ``told`` it is that of the same places with nothing said and nothing known, as guidance moves away from.

        Raises:
            ModelError: there are more frames than the model takes.
        """
        frames = known.shape[2]
        if frames > MAX_FRAMES:
            raise ModelError(f"model: {frames} frames are more than the {MAX_FRAMES} that F5-TTS takes together")
        numbers = torch.tensor([list(ids)], device=self._weight.device)
        text = self.network.text_embed(numbers, frames, told)
        held = known.transpose(1, 2).to(self._weight)
        return Spoken(text, held if told else torch.zeros_like(held))

    @torch.inference_mode()
    def velocity(self, x: Tensor, sigma: Tensor, condition: Spoken, tap: Tap | None = None) -> Tensor:
        """Velocity [B, BANDS, T] in ``x``'s dtype at ``sigma`` [B]."""
        state = x.transpose(1, 2).to(self._weight)
        time = (1 - sigma.float()).to(self._weight.device).expand(x.shape[0])
        flow = self.network(state, condition.known, condition.text, time, tap)
        return -flow.transpose(1, 2).to(x)

    def join(self, conditions: Sequence[Spoken]) -> Spoken:
        """Conditions of as many frames, one after the other in one batch."""
        return Spoken(torch.cat([each.text for each in conditions]), torch.cat([each.known for each in conditions]))


# Of 32 equal times those that are worth keeping when there are fewer steps: the package's own tables.
_PRUNED = {
    5: (0, 2, 4, 8, 16, 32),
    6: (0, 2, 4, 6, 8, 16, 32),
    7: (0, 2, 4, 6, 8, 16, 24, 32),
    10: (0, 2, 4, 6, 8, 12, 16, 20, 24, 28, 32),
    12: (0, 2, 4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32),
    16: (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32),
}


def levels(steps: int) -> Tensor:
    """The noise levels [steps + 1] of its makers: pruned steps where they have some, then sway sampling."""
    times = _PRUNED.get(steps)
    even = torch.linspace(0, 1, steps + 1, dtype=torch.float64)
    u = 1 - (even if times is None else torch.tensor(times, dtype=torch.float64) / 32)
    found = sway()(u)
    found[0], found[-1] = 1, 0
    return found


def load_f5(folder: Path, device: str = "cpu", dtype: torch.dtype = torch.float32) -> F5Model:
    """Load a checkpoint as it is published.

    Raises:
        ModelError: files are missing or damaged, or of another network.
    """
    place = layout.place_of(folder)
    path = layout.weights_in(place)
    characters = Characters.load(place / layout.VOCABULARY)
    try:
        tensors = _bare(load_file(path))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"model: {path.name} of {place.name!r} is damaged; fetch the model again") from error
    config = _config(tensors, len(characters), layout.version_of(place), path.name)
    with torch.device("meta"):  # nothing is drawn that is replaced at once
        network = F5Network(config)
    missing, unexpected = network.load_state_dict(tensors, strict=False, assign=True)
    if missing or unexpected:
        odd = ", ".join([*missing, *unexpected][:3])
        raise ModelError(f"model: {path.name} does not fit F5-TTS (for example {odd}); use one of its own checkpoints")
    return F5Model(network.to(device, dtype), characters)


def _bare(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of the network by its own names; of what lies beside them, nothing is needed."""
    bare = {name.removeprefix("ema_model.").removeprefix("transformer."): value for name, value in tensors.items()}
    return {
        name: value
        for name, value in bare.items()
        if not name.startswith("mel_spec.") and name not in ("initted", "step", "update", "rotary_embed.inv_freq")
    }


def _config(tensors: Mapping[str, Tensor], characters: int, version: str, name: str) -> F5Config:
    """The shape that the weights have.

    Raises:
        ModelError: they are of another network, or the vocabulary is another's.
    """
    try:
        embedded, entry = tensors["text_embed.text_embed.weight"], tensors["input_embed.proj.weight"]
        inner, heads = (
            tensors["transformer_blocks.0.ff.ff.0.0.weight"],
            tensors["transformer_blocks.0.attn.to_q.weight"],
        )
    except KeyError as error:
        raise ModelError(f"model: {name} holds no network of F5-TTS ({error} is missing); E2 TTS is another") from error
    if entry.shape[1] != 2 * BANDS + embedded.shape[1]:
        raise ModelError(f"model: {name} works on other frames than {BANDS} mel bands; use one that was made for Vocos")
    if embedded.shape[0] != characters + 1:
        raise ModelError(
            f"model: {layout.VOCABULARY} has {characters} entries and {name} was trained on {embedded.shape[0] - 1}; "
            "use the vocabulary that belongs to it"
        )
    return F5Config(
        characters, dim=entry.shape[0], depth=_count(tensors, "transformer_blocks"), heads=heads.shape[0] // HEAD,
        inner=inner.shape[0], text=embedded.shape[1], convolutions=_count(tensors, "text_embed.text_blocks"),
        normed="transformer_blocks.0.attn.q_norm.weight" in tensors,
        padded=version == "v1", rotated=None if version == "v1" else 1,
    )  # fmt: skip


def _count(tensors: Mapping[str, Tensor], part: str) -> int:
    depth = part.count(".") + 1
    return len({name.split(".")[depth] for name in tensors if name.startswith(f"{part}.")})
