"""How the speech starter is trained: filling frames in, and how long phones last."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE, SILENCE
from pipelines.models.speech import Durations, Frames, SpeechConfig, SpeechNetwork, emptied, places_of, words_at
from pipelines.models.weights import load_config, load_weights, save_weights
from pipelines.reading.phones import PHONES
from pipelines.training.card import Card
from pipelines.training.data import timings
from pipelines.training.data.speech import VOICES, SpeechSet, Utterance
from pipelines.training.data.timings import Timing
from pipelines.training.data.voices import PACKAGES
from pipelines.training.finished import Finished, averages, millions
from pipelines.training.objectives import Density, add_noise, half_where_fast, logit_normal, velocity_loss
from pipelines.training.trainer import Trainer, TrainSettings

SPEECH = SpeechConfig(
    BackboneConfig(channels=BANDS, grid=(512,), patch=(2,), dim=320, depth=6, heads=5, bottleneck=192), PHONES, VOICES
)
SPEECH_SETTINGS = TrainSettings(
    steps=5200, warmup=200, decay=0.35, muon_rate=0.0, adam_rate=8e-4, ema=0.999, weight_decay=0.01
)
SPEECH_AGAIN = replace(SPEECH_SETTINGS, steps=7000, decay=0.7, adam_rate=4e-4, seed=4)  # another seed each time
# Frames of a crop, and how many crops make a batch: about as many frames in each.
SHAPES = ((192, 16), (320, 10), (480, 7), (640, 5))
DURATION_SETTINGS = TrainSettings(steps=4000, warmup=50, decay=0.5, muon_rate=0.0, adam_rate=1e-3, ema=0.998)
DURATION_BATCH = 48
TIMED = 0.7  # of a batch's sentences are known by their timing alone
# What is said is decided high up; below this level every frame is nearly there, and its errors count no more.
LEVEL_FLOOR = 0.2


def frame_rows(utterance: Utterance, alphabet: str = PHONES) -> tuple[Tensor, Tensor, Tensor]:
    """Phone ids [T], stresses [T] and places [T, 3] of every frame of ``utterance``."""
    lengths = torch.tensor(utterance.lengths)
    ids = torch.tensor([1 + alphabet.index(symbol) for symbol in utterance.symbols])
    stresses = torch.tensor(utterance.stresses)
    return ids.repeat_interleave(lengths), stresses.repeat_interleave(lengths), places_of(lengths)


class Crops:
    """Batches of crops by step: every voice gets its share, every crop a part that is to be filled in."""

    def __init__(self, speech: SpeechSet, seed: int = 0) -> None:
        self.speech, self.seed = speech, seed
        # Two crops of three are the main voice's, the others share the rest.
        counts = {voice: sum(u.voice == voice for u in speech.utterances) for voice in VOICES}
        main = VOICES[0]
        share = {v: 0.65 if v == main else 0.35 / (len(VOICES) - 1) for v in VOICES}
        weights = np.array([share[u.voice] * u.frames / max(counts[u.voice], 1) for u in speech.utterances])
        self._cumulative = np.cumsum(weights / weights.sum())
        self._rows = [frame_rows(u) for u in speech.utterances]

    def batch(self, step: int) -> tuple[Tensor, Frames]:
        """Clean frames [B, BANDS, T] of training step ``step``, and what the network is told of them."""
        rng = np.random.default_rng((self.seed, step))
        frames, count = SHAPES[rng.integers(len(SHAPES))]
        data = np.full((count, frames, BANDS), SILENCE, np.float32)
        phones = torch.ones(count, frames, dtype=torch.int64)  # beyond the end: silence
        stresses = torch.zeros(count, frames, dtype=torch.int64)
        places = torch.full((count, frames, 3), 0.5)
        voice = torch.zeros(count, dtype=torch.int64)
        for row in range(count):
            number = min(int(np.searchsorted(self._cumulative, rng.random())), len(self._rows) - 1)
            utterance = self.speech.utterances[number]
            kept = min(frames, utterance.frames)
            first = int(rng.integers(utterance.frames - kept + 1))
            begin = utterance.begin + first
            data[row, :kept] = self.speech.mels[begin : begin + kept]
            for target, source in zip((phones, stresses, places), self._rows[number], strict=True):
                target[row, :kept] = source[first : first + kept]
            voice[row] = 1 + VOICES.index(utterance.voice)
        known = torch.from_numpy(_known(rng, count, frames))
        clean = torch.from_numpy(data).transpose(1, 2)
        shown = torch.cat([clean * known[:, None], known[:, None]], dim=1)
        unsaid = torch.from_numpy(rng.random(count) < 0.15)  # not all of the voices' stresses are known
        nobody = torch.from_numpy(rng.random(count) < 0.15) & (known.sum(1) > 0)
        told = Frames(
            phones, stresses.masked_fill(unsaid[:, None], 0), places, voice.masked_fill(nobody, 0), shown.contiguous()
        )
        return clean.contiguous(), _dropped(told, torch.from_numpy(rng.random(count) < 0.1))


def _known(rng: np.random.Generator, count: int, frames: int) -> np.ndarray:
    """Which frames are shown, float32 [count, frames]: none, all but a gap, or only a beginning or an end."""
    known = np.zeros((count, frames), np.float32)
    for row in range(count):
        draw = rng.random()
        if draw < 0.5:
            continue
        gap = int(rng.integers(16, max(17, frames * 3 // 4)))
        begin = int(rng.integers(-gap // 4, frames - gap * 3 // 4))
        known[row] = 1
        known[row, max(begin, 0) : max(begin + gap, 1)] = 0
    return known


def _dropped(told: Frames, rows: Tensor) -> Frames:
    """``told`` with nothing said of some rows: what guidance moves away from."""
    empty = emptied(told)
    return Frames(
        torch.where(rows[:, None], empty.phones, told.phones),
        torch.where(rows[:, None], empty.stresses, told.stresses),
        told.places,
        torch.where(rows, empty.voice, told.voice),
        torch.where(rows[:, None, None], empty.known, told.known),
    )


@dataclass(frozen=True)
class SpeechObjective:
    """Velocity loss on the frames that are to be filled in; everything random is drawn from (seed, step)."""

    crops: Crops
    density: Density
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        data, told = self.crops.batch(step)
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        sigma = self.density(len(data), generator)
        x = add_noise(data, torch.randn(data.shape, generator=generator), sigma)
        with half_where_fast():
            estimate = model(x, sigma, told)
        unknown = (1 - told.known[:, -1:]).to(data)
        return velocity_loss(estimate, data, sigma, free=unknown, floor=LEVEL_FLOOR).mean()


def speech(
    data: Path, run: Path, *, steps: int | None = None, warm: Path | None = None, compile_model: bool = True,
    config: SpeechConfig = SPEECH,
) -> tuple[Trainer, SpeechNetwork]:  # fmt: skip
    """The speech starter on the prepared voices in ``data``; ``run`` is the folder to train in or to resume.

    A fresh run goes on from the starter in folder ``warm``, where given, with other crops than those that it has seen.
    """
    settings = (SPEECH_SETTINGS if warm is None else SPEECH_AGAIN).lasting(steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = SpeechNetwork(config)
    if warm is not None:
        held = load_weights(warm)
        network.load_state_dict({name: held[f"network.{name}"] for name in network.state_dict()})
    objective = SpeechObjective(
        Crops(SpeechSet.load(data).subset(held_out=False), settings.seed), logit_normal(1.0, 1.2), settings.seed
    )
    if compile_model:
        for block in network.backbone.blocks:  # one at a time: whole, the compiler's CPU kernels do not build
            block.compile(dynamic=False)
    return Trainer(network, objective, settings, run), network


@dataclass(frozen=True)
class DurationObjective:
    """Mean squared error of log frames, whole sentences at a time; ``timed`` are more of the main voice."""

    speech: SpeechSet
    seed: int = 0
    batch: int = DURATION_BATCH
    timed: Sequence[Timing] = ()

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        of_timed = round(TIMED * self.batch) if self.timed else 0
        spoken = rng.integers(len(self.speech.utterances), size=self.batch - of_timed)
        chosen = [_timing(self.speech.utterances[i]) for i in spoken]
        chosen += [(VOICES[0], self.timed[i]) for i in rng.integers(max(len(self.timed), 1), size=of_timed)]
        longest = max(len(each.symbols) for _, each in chosen)
        phones, stresses, words = (torch.zeros(self.batch, longest, dtype=torch.int64) for _ in range(3))
        wanted, weight = torch.zeros(self.batch, longest), torch.zeros(self.batch, longest)
        for row, (_, each) in enumerate(chosen):
            count, frames = len(each.symbols), torch.tensor(each.frames)
            phones[row, :count] = torch.tensor([1 + PHONES.index(symbol) for symbol in each.symbols])
            stresses[row, :count] = torch.tensor(each.stresses)
            words[row, :count] = words_at(each.begins, count)
            wanted[row, :count] = frames.clamp(min=1).log()
            weight[row, :count] = (frames > 0).float()
        voice = torch.tensor([1 + VOICES.index(name) for name, _ in chosen])
        error = (model(phones, stresses, words, voice) - wanted).square() * weight
        return error.sum() / weight.sum()


def _timing(utterance: Utterance) -> tuple[str, Timing]:
    """Who speaks, and how long each phone would last at the voice's own pace."""
    frames = tuple(max(length, 1) * utterance.speed for length in utterance.lengths)
    return utterance.voice, Timing(utterance.symbols, utterance.stresses, utterance.begins, frames)


def durations(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Durations]:
    """The duration predictor on the prepared voices in ``data``."""
    settings = DURATION_SETTINGS.lasting(steps)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        model = Durations(len(PHONES), len(VOICES))
    spoken = SpeechSet.load(data).subset(held_out=False)
    objective = DurationObjective(spoken, settings.seed, timed=timings.load(data))
    return Trainer(model, objective, settings, run), model


@torch.no_grad()
def paces(model: Durations, speech: SpeechSet) -> dict[str, float]:
    """By how much longer each voice speaks than ``model`` says.

    The mean of logarithms is the logarithm of less than the mean, by more the less regular a voice is. The silence
    around a sentence does not count.
    """
    true, said = dict.fromkeys(VOICES, 0.0), dict.fromkeys(VOICES, 0.0)
    for u in speech.utterances:
        ids = torch.tensor([[1 + PHONES.index(symbol) for symbol in u.symbols]])
        told = torch.tensor([u.stresses]), words_at(u.begins, len(u.symbols))[None]
        logs = model(ids, *told, torch.tensor([1 + VOICES.index(u.voice)]))
        said[u.voice] += float(logs[0, 1:-1].exp().sum()) / u.speed
        true[u.voice] += sum(u.lengths[1:-1])
    return {voice: round(true[voice] / said[voice], 4) for voice in VOICES if said[voice]}


def export_speech(run: Path, timing: Path, folder: Path, config: SpeechConfig = SPEECH) -> None:
    """Write the averaged weights of ``run`` and of the duration predictor in ``timing``, with their model card.

    Without a run in ``timing`` the durations and paces that ``folder`` holds stay. The card takes its measurements from
    ``metrics.json`` where the run folder holds one.
    """
    done = Finished.read(run)
    tensors = {f"network.{name}": tensor for name, tensor in done.average.items()}
    before: dict[str, Any] = {}
    if (timing / "state.safetensors").exists():
        tensors |= {f"durations.{name}": tensor for name, tensor in averages(timing).items()}
    else:
        before = load_config(folder)
        tensors |= {name: tensor for name, tensor in load_weights(folder).items() if name.startswith("durations.")}
    described = {
        "kind": "speech", "backbone": config.backbone.to_dict(), "alphabet": config.alphabet,
        "voices": list(config.voices), "width": config.width, "steps": done.step,
    }  # fmt: skip
    if (timing / "paces.json").exists():  # `python -m pipelines.training pace` writes it
        described["paces"] = json.loads((timing / "paces.json").read_text())
    elif "paces" in before:
        described["paces"] = before["paces"]
    save_weights(tensors, described, folder)
    frames = sum(count * length for length, count in SHAPES) // len(SHAPES)
    facts = [
        ("parameters", f"{millions(tensors):.1f} M, of which the durations are "
                       f"{sum(t.numel() for n, t in tensors.items() if n.startswith('durations.')) / 1e6:.1f} M"),
        ("signal", "100 mel bands at 93.75 frames a second, patches of 2; clean-signal prediction, velocity loss "
                   "on the frames that are to be filled in"),
        ("steps", f"{done.step:,} of about {frames:,} frames "
                  f"({done.step * frames * HOP / SAMPLE_RATE / 3600:.0f} hours of speech)"),
        ("compute", f"{done.minutes:.0f} minutes on one shared CPU core"),
        ("optimizer", "AdamW; linear decay at the end; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training prepare speech`; `train speech`, `train durations`, `export`"),
        *done.remarks,
    ]  # fmt: skip
    card = Card(
        "speech-starter",
        "Reads English aloud in five voices and changes words of a recording, on a laptop CPU. It fills in mel frames "
        "from the phone of every frame, a voice, and the frames that are to stay.",
        tuple(package for package in PACKAGES if package.name in ("hibari-tts", "flite", "wordnet-base")),
        facts,
        (
            "English only. Five voices, all of them synthetic: one learned from hibari (a distilled Kokoro voice), "
            "four from flite, which sound as mechanical as flite does.",
            "It does not clone: a recording of somebody else is edited in the voice nearest to it, helped by what is "
            "heard around the gap.",
            "A changed word in the middle of a recording is not always understood, see above.",
            "The tune of a sentence follows its teacher's: even, read, without play.",
            "What flite's voices stress was not known in training; they stress by themselves.",
            "Trained on a laptop's scale: hours of speech, not thousands of hours.",
        ),
        done.metrics,
    )
    card.save(folder)
