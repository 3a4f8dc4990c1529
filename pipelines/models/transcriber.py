"""Hears the notes of a recording: which key is struck and held when. What an edit gives to another instrument."""

from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn

from pipelines.backbone.transformer import patchify
from pipelines.codecs.mel import BANDS
from pipelines.errors import ModelError
from pipelines.models.speech import Convolutions
from pipelines.models.weights import fill, load_config
from pipelines.score import Note
from pipelines.score.frames import FRAME_RATE, KEYS, LOWEST

ROW = 4  # mel frames of a row, 43 ms
STRUCK, HELD = 0.6, 0.4  # probabilities above which a key is taken to be struck, or still held
APART = 2  # rows within which the same key is struck only once


class Transcriber(nn.Module):
    """Mel frames and rows by pitch in, logits of what each key does out; pitches as of ``codecs.pitches``."""

    def __init__(self, bins: int, width: int = 256, depth: int = 4) -> None:
        super().__init__()
        self.read = nn.Linear(ROW * BANDS + bins, width)
        self.blocks = nn.Sequential(*(Convolutions(width) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.struck = nn.Linear(width, KEYS)
        self.held = nn.Linear(width, KEYS)
        self.moment = nn.Linear(width, ROW)

    def forward(self, mel: Tensor, pitches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of ``mel`` [B, BANDS, 4 R] and ``pitches`` [B, bins, R].

        Returns struck [B, R, KEYS], held [B, R, KEYS], and in which frame of the row a note begins [B, R, 4].
        """
        mel = mel - mel.mean((1, 2), keepdim=True)
        pitches = pitches - pitches.mean((1, 2), keepdim=True)
        x = self.read(torch.cat([patchify(mel, (ROW,)), pitches.transpose(1, 2)], dim=-1))
        x = self.norm(self.blocks(x))
        return self.struck(x), self.held(x), self.moment(x)

    @torch.inference_mode()
    def notes(self, mel: Tensor, pitches: Tensor, velocity: int = 84) -> tuple[Note, ...]:
        """The notes of one recording: ``mel`` [1, BANDS, 4 R], ``pitches`` [1, bins, R]."""
        struck, held, moment = self(mel, pitches)
        begin, on = struck[0].sigmoid().T, held[0].sigmoid().T
        offsets = moment[0].argmax(1).tolist()
        notes = []
        for key in (begin.amax(1) > STRUCK).nonzero().flatten().tolist():
            for row, last in _stretches(begin[key].tolist(), on[key].tolist()):
                start = (row * ROW + offsets[row]) / FRAME_RATE
                notes.append(Note(start, max((last - row) * ROW / FRAME_RATE, 0.06), LOWEST + key, velocity))
        return tuple(sorted(notes))


def _stretches(begin: list[float], on: list[float]) -> list[tuple[int, int]]:
    """Rows in which one key is struck, each with the first row in which it is no longer held or is struck again."""
    count = len(begin)
    starts: list[int] = []
    for row in range(count):
        near = begin[max(0, row - APART) : row + APART + 1]
        if begin[row] > STRUCK and begin[row] == max(near) and (not starts or row - starts[-1] > APART):
            starts.append(row)
    found = []
    for row, following in pairwise([*starts, count]):
        last = row + 1
        while last < following and on[last] > HELD:
            last += 1
        found.append((row, last))
    return found


def load_transcriber(folder: Path) -> Transcriber:
    """Load the shipped transcriber.

    Raises:
        ModelError: files are missing, damaged, or do not fit this version of the program.
    """
    described = load_config(folder)
    try:
        sizes = (int(described["bins"]), int(described["width"]), int(described["depth"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"model: config.json of {folder.name!r} does not fit this version ({error})") from error
    with torch.random.fork_rng():  # initial weights, about to be replaced, must not move the caller's generator
        network = Transcriber(*sizes)
    fill(network, folder)
    return network.eval().requires_grad_(False)
