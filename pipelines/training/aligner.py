"""How the aligner is trained: which phone is in each frame, through whatever a room or a telephone does to a voice."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate

from pipelines.codecs.mel import BANDS, CENTRE, FLOOR, FRAME_RATE, SPREAD
from pipelines.models.aligner import CLASSES, PAUSES, Aligner, AlignerNetwork, classes_of
from pipelines.models.weights import save_weights
from pipelines.training.card import Card
from pipelines.training.data.speech import VOICES, SpeechSet, Utterance
from pipelines.training.data.voices import PACKAGES
from pipelines.training.finished import Finished, millions
from pipelines.training.trainer import Trainer, TrainSettings

SETTINGS = TrainSettings(steps=1200, warmup=50, decay=0.5, muon_rate=0.0, adam_rate=2e-3, ema=0.995)
FRAMES, BATCH = 256, 12
SMOOTHING = 0.05


def targets_of(utterance: Utterance) -> np.ndarray:
    """Class [T] of every frame."""
    return np.repeat(classes_of(utterance.symbols), utterance.lengths)


class Voices:
    """Batches of changed crops by step; every voice as often as the others, for none is more like a stranger's."""

    def __init__(self, speech: SpeechSet, seed: int = 0) -> None:
        self.speech, self.seed = speech, seed
        self.by_voice = [
            [u for u in speech.utterances if u.voice == voice]
            for voice in VOICES
            if any(u.voice == voice for u in speech.utterances)
        ]

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Frames [BATCH, BANDS, FRAMES] and their classes [BATCH, FRAMES], -100 beyond an end."""
        rng = np.random.default_rng((self.seed, step))
        pairs = [self._crop(rng) for _ in range(BATCH)]
        return torch.stack([frames for frames, _ in pairs]), torch.stack([classes for _, classes in pairs])

    def _crop(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        own = self.by_voice[rng.integers(len(self.by_voice))]
        utterance = own[rng.integers(len(own))]
        pace = float(np.exp(rng.uniform(-0.3, 0.3)))
        wanted = round(FRAMES * pace)
        first = int(rng.integers(max(1, utterance.frames - wanted + 1)))
        kept = min(wanted, utterance.frames)
        raw = self.speech.mels[utterance.begin + first : utterance.begin + first + kept].astype(np.float32)
        length = min(FRAMES, max(1, round(kept / pace)))
        frames = interpolate(torch.from_numpy(raw).T[None], size=length, mode="linear", align_corners=False)[0]
        places = ((np.arange(length) + 0.5) * kept / length).astype(int).clip(max=kept - 1)
        classes = torch.full((FRAMES,), -100)
        classes[:length] = torch.from_numpy(targets_of(utterance)[first : first + kept][places])
        padded = torch.full((BANDS, FRAMES), (np.log(FLOOR) - CENTRE) / SPREAD)
        padded[:, :length] = frames
        return changed(padded, rng), classes


def changed(latent: Tensor, rng: np.random.Generator) -> Tensor:
    """Frames [BANDS, T] as another throat, room, microphone or line would have made them."""
    if rng.random() < 0.8:
        latent = _warped(latent, float(np.exp(rng.uniform(-0.18, 0.18))))
    level = (latent * SPREAD + CENTRE).exp()
    if rng.random() < 0.4:
        level = _echoing(level, rng)
    tone = np.interp(np.linspace(0, 4, BANDS), np.arange(5), rng.normal(0, 0.6, 5)) + rng.normal(0, 1.0)
    level = level * torch.from_numpy(np.exp(tone)).float()[:, None]
    if rng.random() < 0.7:
        loud = float(level.mean(0).quantile(0.9))
        shape = np.exp(np.interp(np.linspace(0, 3, BANDS), np.arange(4), rng.normal(0, 1.0, 4)))
        hiss = loud * 10 ** (-rng.uniform(10, 45) / 20) * torch.from_numpy(shape).float()[:, None]
        ripple = torch.from_numpy(np.sqrt(rng.exponential(1, level.shape))).float()  # a noise's magnitude in a band
        level = (level.square() + (hiss * ripple).square()).sqrt()
    if rng.random() < 0.35:
        low, high = (0, int(rng.integers(50, 96))) if rng.random() < 0.6 else (int(rng.integers(4, 12)), 66)
        level = level.clone()
        level[:low], level[high:] = FLOOR, FLOOR
    return (level.clamp(min=FLOOR).log() - CENTRE) / SPREAD


def _warped(latent: Tensor, factor: float) -> Tensor:
    """Frequencies times ``factor``, as from a longer or shorter throat: about a shift of the mel bands."""
    bands = BANDS * factor
    places = (torch.arange(BANDS) * factor).clamp(0, BANDS - 1)
    low = places.floor().long().clamp(max=BANDS - 2)
    part = (places - low)[:, None]
    made = latent[low] * (1 - part) + latent[low + 1] * part
    if bands > BANDS:  # above the top there is nothing to take; what is there has a quiet voice's level
        made[int(BANDS / factor) :] = latent[-1]
    return made


def _echoing(level: Tensor, rng: np.random.Generator) -> Tensor:
    """Magnitudes [BANDS, T] with a room's decay of 0.1 to 0.5 s laid behind them."""
    decay = 10 ** (-3 / (rng.uniform(0.1, 0.5) * FRAME_RATE))
    share = rng.uniform(0.02, 0.15)
    tail, made = torch.zeros(len(level)), torch.empty_like(level)
    for frame in range(level.shape[1]):
        made[:, frame] = (level[:, frame].square() + share * tail).sqrt()
        tail = decay**2 * (tail + level[:, frame].square())
    return made


@dataclass(frozen=True)
class Objective:
    """Cross-entropy of frames with smoothed targets; everything random is drawn from (seed, step)."""

    voices: Voices

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        frames, classes = self.voices.batch(step)
        return cross_entropy(model(frames), classes, ignore_index=-100, label_smoothing=SMOOTHING)


def aligner(
    data: Path, run: Path, *, steps: int | None = None, without: str | None = None
) -> tuple[Trainer, AlignerNetwork]:
    """The aligner on the prepared voices in ``data``, one of them left out where a check on a stranger is wanted."""
    settings = SETTINGS.lasting(steps)
    speech = SpeechSet.load(data).subset(held_out=False)
    speech = SpeechSet(speech.mels, speech.waves, [u for u in speech.utterances if u.voice != without])
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = AlignerNetwork()
    trainer = Trainer(network, Objective(Voices(speech, settings.seed)), settings, run)
    described = {"kind": "aligner", "classes": CLASSES, "width": network.width, "dilations": list(network.dilations)}
    (run / "aligner.json").write_text(json.dumps({**described, "counts": counts_of(speech)}))
    return trainer, network


def counts_of(speech: SpeechSet) -> list[int]:
    """How many frames there are of each class, every voice weighing the same."""
    counts = np.zeros(len(CLASSES))
    for voice in VOICES:
        own = [targets_of(u) for u in speech.utterances if u.voice == voice]
        if own:
            found = np.bincount(np.concatenate(own), minlength=len(CLASSES))
            counts += found / found.sum() * 100_000
    return [round(count) for count in counts]


def finished(trainer: Trainer, network: AlignerNetwork, speech: SpeechSet) -> Aligner:
    """The aligner with the averaged weights of a run."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(trainer.average[name])
    return Aligner(network, torch.tensor(counts_of(speech), dtype=torch.float32))


def boundary_errors(aligner: Aligner, speech: SpeechSet) -> tuple[np.ndarray, np.ndarray]:
    """Milliseconds that beginnings of phones are off, and those of words' first phones after a pause or at the end."""
    every: list[float] = []
    outer: list[float] = []
    for utterance in speech.utterances:
        latent = torch.from_numpy(
            speech.mels[utterance.begin : utterance.begin + utterance.frames].astype(np.float32)
        ).T[None]
        found = aligner.align(latent, utterance.symbols)
        true = np.concatenate([[0], np.cumsum(utterance.lengths)])[:-1]
        for index, symbol in enumerate(utterance.symbols):
            if index and utterance.lengths[index] and found.lengths[index]:
                off = abs(found.begins[index] - true[index]) * 1000 / FRAME_RATE
                every.append(off)
                if symbol in PAUSES or utterance.symbols[index - 1] in PAUSES:
                    outer.append(off)
    return np.array(every), np.array(outer)


def export(run: Path, folder: Path) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``.

    The card takes its measurements from ``metrics.json`` where the run folder holds one.
    """
    done = Finished.read(run)
    described = json.loads((run / "aligner.json").read_text())
    save_weights(done.average, {**described, "steps": done.step}, folder)
    hours = BATCH * FRAMES * done.step / FRAME_RATE / 3600
    facts = [
        ("parameters", f"{millions(done.average):.2f} M"),
        (
            "signal",
            f"100 mel bands at 93.75 frames a second in, {len(CLASSES)} classes out, 0.3 s seen to either side",
        ),
        ("steps", f"{done.step:,} of {BATCH} crops of {FRAMES} frames ({hours:.0f} hours of speech)"),
        ("compute", f"{done.minutes:.0f} minutes on one shared CPU core"),
        ("changed in training", "pace, length of the throat, tone, level, noise, echo, narrow lines"),
        ("optimizer", "AdamW; linear decay over the last half; EMA of the weights"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training train aligner`, then `export aligner`"),
    ]
    card = Card(
        "aligner",
        "Finds when each phone of a recording is spoken, given the words: it hears phones in mel frames, and the best "
        "path through them, with pauses where there are any, gives the times.",
        [package for package in PACKAGES if package.name in ("hibari-tts", "flite", "wordnet-base")],
        facts,
        (
            "English only; trained on five synthetic voices, widened by changes of pace, throat, room and line.",
            "It does not recognise words: it needs to be told what is said, and says how well that fits.",
            "A voice that sings, whispers or shouts was never heard.",
            "Schwas of different names, and a t that is not released, are one class each.",
        ),
        done.metrics,
    )
    card.save(folder)
