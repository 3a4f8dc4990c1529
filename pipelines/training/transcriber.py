"""What trains the transcriber: clips of instruments, their notes as rows of keys, and wear that recordings have."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, interpolate

from pipelines.codecs.mel import BANDS, SILENCE
from pipelines.codecs.pitches import BINS
from pipelines.models.transcriber import ROW, Transcriber
from pipelines.models.weights import save_weights
from pipelines.score import Score
from pipelines.score.frames import FRAME_RATE, KEYS, slot_of
from pipelines.training.card import Card
from pipelines.training.data.packages import SOUNDFONT
from pipelines.training.data.sounds import Clip, SoundSet
from pipelines.training.finished import Finished, millions
from pipelines.training.objectives import half_where_fast
from pipelines.training.trainer import Trainer, TrainSettings

WIDTH, DEPTH = 192, 3
SETTINGS = TrainSettings(steps=3000, warmup=50, decay=0.5, muon_rate=0.0, adam_rate=1.5e-3, ema=0.99)
COUNT, ROWS = 16, 72  # crops of a batch, and rows of each: 3.1 s


def rolls(score: Score, rows: int, start: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What ``score`` does from row ``start`` on.

    Returns struck and held [rows, KEYS] float32, and the frame in which a row's first note begins [rows] int64, -1
    where none does.
    """
    struck, held = np.zeros((2, rows, KEYS), np.float32)
    moments = np.full(rows, -1, np.int64)
    for note in score.notes:
        begin = note.start * FRAME_RATE / ROW - start
        end = (note.start + note.seconds) * FRAME_RATE / ROW - start
        key = slot_of(score.timbre, note.key)
        first = int(np.floor(begin))
        held[max(first, 0) : max(round(end), 0), key] = 1
        if 0 <= first < rows:
            struck[first, key] = 1
            frame = int((begin - first) * ROW)
            moments[first] = frame if moments[first] < 0 else min(frame, moments[first])
    return struck, held, moments


@dataclass(frozen=True)
class TranscriberObjective:
    """Cross entropy of what each key does; what is drawn depends on (seed, step) alone."""

    sounds: SoundSet
    clips: tuple[Clip, ...]
    seed: int = 0

    def __call__(self, model: nn.Module, step: int) -> Tensor:
        """Mean loss of training step ``step``."""
        mels, rows, struck, held, moments = self.batch(step)
        with half_where_fast():
            one, two, three = model(mels, rows)
        # Few keys are struck at a time: a missed one weighs more than a wrong one.
        heavier = torch.tensor(4.0)
        loss = binary_cross_entropy_with_logits(one.float(), struck, pos_weight=heavier)
        loss = loss + 0.5 * binary_cross_entropy_with_logits(two.float(), held)
        return 20 * loss + 0.1 * cross_entropy(three.float().flatten(0, 1), moments.flatten(), ignore_index=-1)

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Mels, pitches and targets of step ``step``."""
        rng = np.random.default_rng((self.seed, step))
        parts = []
        for row in rng.choice(len(self.clips), COUNT):
            clip = self.clips[row]
            start = int(rng.integers(max(0, clip.frames // ROW - ROWS) + 1))
            parts.append((*self._crop(clip, start), *rolls(clip.score, ROWS, start)))
        mels, rows, struck, held, moments = (torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True))
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + step)
        mels, rows = worn(mels, rows, generator)
        return mels, rows, struck, held, moments

    def _crop(self, clip: Clip, start: int) -> tuple[np.ndarray, np.ndarray]:
        mel = np.full((ROWS * ROW, BANDS), SILENCE, np.float32)
        found = self.sounds.mel(clip)[start * ROW : (start + ROWS) * ROW]
        mel[: len(found)] = found
        by_pitch = np.full((ROWS, BINS), np.log(1e-4) / 3, np.float32)
        rows = self.sounds.by_pitch(clip)[start : start + ROWS]
        by_pitch[: len(rows)] = rows
        return mel.T, by_pitch.T


def worn(mels: Tensor, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Another tone colour and a bed of noise for each, so that more than clean renders is understood."""
    made = []
    for values in (mels, rows):
        count, bands, frames = values.shape
        colour = 0.2 * torch.randn(count, 8, generator=generator)
        values = values + interpolate(colour[:, None], size=bands, mode="linear").mT
        bed = values.amax((1, 2), keepdim=True) - 0.6 - 2.5 * torch.rand(count, 1, 1, generator=generator)
        noise = bed + 0.15 * torch.randn(values.shape, generator=generator)
        noisy = torch.rand(count, 1, 1, generator=generator) < 0.3
        made.append(torch.where(noisy, torch.maximum(values, noise), values))
    return made[0], made[1]


def transcriber(data: Path, run: Path, *, steps: int | None = None) -> tuple[Trainer, Transcriber]:
    """The transcriber on the prepared clips in ``data``; ``run`` is the folder to train in or to resume."""
    settings = SETTINGS.lasting(steps)
    sounds = SoundSet.load(data).subset(held_out=False)
    clips = tuple(clip for clip in sounds.clips if clip.score.played)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        network = Transcriber(BINS, WIDTH, DEPTH)
    return Trainer(network, TranscriberObjective(sounds, clips, settings.seed), settings, run), network


def export(run: Path, folder: Path) -> None:
    """Write the averaged weights of ``run`` and their model card into ``folder``."""
    done = Finished.read(run)
    described = {"kind": "transcriber", "bins": BINS, "width": WIDTH, "depth": DEPTH, "steps": done.step}
    save_weights(done.average, described, folder)
    facts = [
        ("parameters", f"{millions(done.average):.1f} M"),
        ("signal", "100 log-mel bands, and 288 bins of a third of a semitone every 43 ms; 24 kHz mono"),
        ("steps", f"{done.step:,} of {COUNT} crops of 3.1 s"),
        ("compute", f"{done.minutes:.0f} minutes on one CPU core, shared with other work, bf16 autocast"),
        ("seed", str(done.seed)),
        ("command", "`python -m pipelines.training prepare sound && python -m pipelines.training train transcriber`"),
        *done.remarks,
    ]
    card = Card(
        "transcriber",
        "Hears the notes of a recording of one instrument, so that an edit can give them to another.",
        (SOUNDFONT,),
        facts,
        (
            "It learned from renders of a General MIDI sound font; recordings of people are harder for it.",
            "One instrument at a time; drums and voices have no keys for it.",
            "It does not hear how loud a note is.",
        ),
        done.metrics,
    )
    card.save(folder)
