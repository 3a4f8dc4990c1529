"""A download that needs no network: ``python fake_fetch.py CACHE [fail] NAME`` writes a checkpoint bit by bit."""

import sys
import time
from pathlib import Path

cache, *how, name = sys.argv[1:]
repo = {"sana-1600m": "Efficient-Large-Model/Sana_1600M_1024px_BF16_diffusers"}[name]
folder = Path(cache) / f"models--{repo.replace('/', '--')}"
(folder / "blobs").mkdir(parents=True, exist_ok=True)
(folder / "eddyline-size").write_text("4000000")
if how:
    print("a warning\nmodel: no route to the hub; check the network", file=sys.stderr)
    sys.exit(2)
for part in range(len(list((folder / "blobs").iterdir())), 4):
    # Whole or not at all, wherever it is stopped.
    (folder / "part").write_bytes(b"x" * 1_000_000)
    (folder / "part").rename(folder / "blobs" / f"{part}")
    time.sleep(0.3)
(folder / "refs").mkdir(exist_ok=True)
(folder / "refs" / "main").write_text("abc")
(folder / "snapshots" / "abc").mkdir(parents=True, exist_ok=True)
(folder / "snapshots" / "abc" / "model_index.json").write_text('{"_class_name": "SanaPipeline"}')
