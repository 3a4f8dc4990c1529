"""Each take of a changed word heard by itself: ``python tests/bench/speech_takes.py --data DATA --count 20 --takes 4``.

The edits are those of ``speech_edits.py``. Printed: how often one take is understood, how often the one that the
aligner chooses, whether any is, and how often the ready-made voice is understood that reads the whole new sentence,
which is about what the judge can reach.
"""

import argparse
import statistics
from pathlib import Path

import judges
import torch
from common import table
from speech import recordings, spoken
from speech_edits import changed

from pipelines.edit.types import CountedModel
from pipelines.settings import SpeechEditSettings
from pipelines.speech import SpeechPipeline
from pipelines.speech.editing import closed, frames_of, opened

VOICE = "heart"


def takes_of(pipeline, settings, source):
    """(sound of each take, clarity of each) of one edit."""
    work = opened(pipeline.aligner, settings, source, pipeline.held_by(VOICE))
    (window,) = work.plan.windows
    told = frames_of(pipeline.model, work, window, pipeline.model.voice(VOICE), True)
    for _, latent in pipeline.solved(CountedModel(pipeline.model), told, settings, settings.seed):
        last = latent
    size = window[1] - window[0]
    takes = torch.where(told.known[:, -1:] > 0, told.known[:, :-1], last)[..., :size]
    symbols, lengths = work.plan.within(window)
    clear = pipeline.aligner.clarity(takes, symbols, lengths, told.known[0, -1, :size] == 0).tolist()
    waves = [pipeline.vocoder(takes[n : n + 1])[0].numpy() for n in range(len(takes))]
    return [closed(work, [(window, wave)]) for wave in waves], clear


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/speech"))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--takes", type=int, default=4)
    parser.add_argument("--guidance", type=float, default=SpeechEditSettings.model_fields["guidance"].default)
    parser.add_argument("--speed", type=float, default=1.0)
    chosen = parser.parse_args()
    pipeline, ready = SpeechPipeline.load(), SpeechPipeline.load("hibari")
    rows, ceiling = [], []
    for number, (text, source) in enumerate(recordings(chosen.data, VOICE, 3 * chosen.count)):
        change = changed(text, number)
        if change is None or len(rows) == chosen.count:
            continue
        wanted, old, new = change
        values = {"takes": chosen.takes, "guidance": chosen.guidance, "speed": chosen.speed, "seed": number}
        settings = SpeechEditSettings(source_text=text, text=wanted, voice=VOICE, **values)
        sounds, clear = takes_of(pipeline, settings, source)
        word = judges.plain_words(new)[0]
        heard = [word in judges.plain_words(judges.heard(sound)) for sound in sounds]
        read = spoken(ready, text=wanted, model="hibari", seed=1)[0]
        ceiling.append(word in judges.plain_words(judges.heard(read)))
        rows.append((statistics.mean(heard), heard[clear.index(max(clear))], any(heard)))
        print(f"{old} -> {new}: {''.join('x' if each else '.' for each in heard)}", flush=True)
    names = ("one take", "the clearest by the aligner", "any", "the ready-made voice, whole sentence")
    columns = [*zip(*rows, strict=True), ceiling]
    shares = [f"{statistics.mean(column):.3f}" for column in columns]
    table(("understood", "share"), list(zip(names, shares, strict=True)))


if __name__ == "__main__":
    main()
