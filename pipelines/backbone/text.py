"""A text encoder small enough to ship: pretrained word vectors, hashed subwords, two learned layers.

Words of the shipped vocabulary bring a GloVe vector (Pennington et al. 2014); every word, known or not, also brings
the sum of learned vectors of its hashed character n-grams (fastText, arXiv 1607.04606), so that an unknown word still
says something and a known one can be told from its neighbours.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn

from pipelines.backbone.layers import Attention, RMSNorm, SwiGLU
from pipelines.backbone.rope import rope_table

ARTICLES = frozenset({"a", "an", "the"})
WORD = re.compile(r"[a-z0-9]+|[^\x00-\x7f]+")
BUCKETS = 8192
PIECES = 12  # hashed pieces kept per word: the whole word and its first n-grams


@dataclass(frozen=True)
class Tokens:
    """A batch of prompts as numbers.

    Attributes:
        words: vocabulary rows [B, L] int64; 0 for padding, 1 for a word outside the vocabulary.
        pieces: hash buckets [B, L, PIECES] int64; 0 for none.
        unknown: per prompt, its words outside the vocabulary.
        dropped: per prompt, the words beyond the length limit.
    """

    words: Tensor
    pieces: Tensor
    unknown: tuple[tuple[str, ...], ...]
    dropped: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=65536)
def hashed_pieces(word: str) -> tuple[int, ...]:
    """Buckets of a word and of its character 3- and 4-grams, at most ``PIECES`` of them."""
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in (3, 4) for i in range(len(marked) - n + 1)]
    pieces = list(dict.fromkeys([marked, *grams]))[:PIECES]
    return tuple(zlib.crc32(piece.encode()) % (BUCKETS - 1) + 1 for piece in pieces)


def split_words(prompt: str) -> list[str]:
    """Lower-case words of a prompt without articles; apostrophes vanish ("man's" -> "mans")."""
    text = prompt.lower().replace("'", "").replace("\u2019", "")
    return [word for word in WORD.findall(text) if word not in ARTICLES]


class Tokenizer:
    """Words to vocabulary rows and hash buckets."""

    def __init__(self, vocabulary: Sequence[str], length: int) -> None:
        """``vocabulary`` lists the words of rows 2 and up; prompts are cut after ``length - 1`` words."""
        self.rows = {word: row for row, word in enumerate(vocabulary, start=2)}
        self.length = length

    def __call__(self, prompts: Sequence[str]) -> Tokens:
        """Encode ``prompts``; the first token of each is a learned start token, alone for an empty prompt."""
        words = torch.zeros(len(prompts), self.length, dtype=torch.int64)
        pieces = torch.zeros(len(prompts), self.length, PIECES, dtype=torch.int64)
        unknown, dropped = [], []
        for row, prompt in enumerate(prompts):
            found = split_words(prompt)
            kept = found[: self.length - 1]
            dropped.append(tuple(found[self.length - 1 :]))
            unknown.append(tuple(dict.fromkeys(word for word in kept if word not in self.rows)))
            for column, word in enumerate(kept, start=1):
                words[row, column] = self.rows.get(word, 1)
                buckets = hashed_pieces(word)
                pieces[row, column, : len(buckets)] = torch.tensor(buckets)
        return Tokens(words, pieces, tuple(unknown), tuple(dropped))


class TextBlock(nn.Module):
    """Pre-norm block over the words of a prompt."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(dim, heads)
        self.feed_forward = SwiGLU(dim)
        self.norms = nn.ModuleList(RMSNorm(dim) for _ in range(2))

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """Advance ``x`` [B, L, dim]."""
        x = x + self.attention(self.norms[0](x), table)
        return x + self.feed_forward(self.norms[1](x))


class TextEncoder(nn.Module):
    """Prompts to context tokens [B, L, out] and a summary [B, out].

    Args:
        vectors: pretrained rows [V, D]; row 0 is padding and row 1 an unknown word. Kept fixed.
        out: width of the backbone that reads the result.
        length: tokens per prompt.
    """

    vectors: Tensor
    table: Tensor

    def __init__(self, vectors: Tensor, out: int, *, length: int = 16, dim: int = 256, depth: int = 2) -> None:
        super().__init__()
        self.length = length
        # Not part of the weights file: the vectors ship once for all starters.
        self.register_buffer("vectors", vectors.float(), persistent=False)
        self.from_vector = nn.Linear(vectors.shape[1], dim)
        self.pieces = nn.Embedding(BUCKETS, dim, padding_idx=0)
        nn.init.normal_(self.pieces.weight, std=0.3)
        with torch.no_grad():
            self.pieces.weight[0] = 0
        self.start = nn.Parameter(torch.randn(dim) * 0.02)
        self.empty = nn.Parameter(torch.randn(dim) * 0.02)
        self.blocks = nn.ModuleList(TextBlock(dim, dim // 64) for _ in range(depth))
        self.norm = RMSNorm(dim)
        self.to_context = nn.Linear(dim, out)
        self.to_pooled = nn.Linear(2 * dim, out)
        self.register_buffer("table", rope_table((length,), 64), persistent=False)

    def forward(self, words: Tensor, pieces: Tensor) -> tuple[Tensor, Tensor]:
        """Encode ``words`` [B, L] and ``pieces`` [B, L, PIECES] of a :class:`Tokens`."""
        present = (words > 0)[..., None]
        count = (pieces > 0).sum(-1, keepdim=True).clamp(min=1)
        x = self.from_vector(self.vectors[words]) + self.pieces(pieces).sum(-2) / count.sqrt().to(
            self.pieces.weight.dtype
        )
        # Padding is a learned token that is attended to like any other: no mask, so every kernel stays fast and exact.
        x = torch.where(present, x, self.empty.to(x.dtype))
        x = torch.cat([self.start.to(x.dtype).expand(x.shape[0], 1, -1), x[:, 1:]], dim=1)
        for block in self.blocks:
            x = block(x, self.table)
        x = self.norm(x)
        mean = (x * present).sum(1) / present.sum(1).clamp(min=1)
        return self.to_context(x), self.to_pooled(torch.cat([x[:, 0], mean], dim=-1))
