"""How the judges of the benches are trained: small networks on examples of their own, kept once they are."""

import math

import torch
from safetensors.torch import load_file, save_file


def taught(make, path, examples, loss, *, steps, batch, decay):
    """The judge that ``make`` builds, of ``path``, trained the first time.

    ``examples`` draws inputs and labels, ``loss`` scores a batch of them: loss(judge, inputs, labels, generator).
    """
    with torch.random.fork_rng():
        torch.manual_seed(5)
        judge = make()
    if path.exists():
        judge.load_state_dict(load_file(path))
        return judge.eval()
    inputs, labels = examples()
    optimizer = torch.optim.AdamW(judge.parameters(), 2e-3, weight_decay=decay)
    generator = torch.Generator().manual_seed(0)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        rows = torch.randint(len(inputs), (batch,), generator=generator)
        found = loss(judge, inputs[rows], labels[rows], generator)
        optimizer.zero_grad()
        found.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"judge: step {step}, loss {found.item():.3f}", flush=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(judge.state_dict(), path)
    return judge.eval()
