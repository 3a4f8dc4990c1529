"""The sound starter measured: ``python tests/bench/sounds.py --data DATA [--json FILE] [--sheet FILE]``.

- **Words**: 200 samples of notes and chords, half of them combinations of instrument, material and key that training
  never saw. A judge (``sound_judge.py``) hears which instrument and which pitch class; its own accuracy on real renders
  of those combinations stands beside.
- **Edits**: a held-out render of one instrument is turned into another by RF-Edit and by the other methods. Onset F1
  (75 ms) between source and result, whether the judge hears the new instrument, and whether it hears the same key. A
  true render of the same notes on the new instrument shows what the measure itself can reach.
- **Events**: of noises in which something happens again and again, onset F1 between what was drawn and what is heard.
- **Closeness**: the squared error to held-out renders of what their own scores make, while a key is held and after.
- **Exactness**: a mel there and back at 8 calls.
- **Speed**: seconds for 4 s of sound, vocoder included.
"""

import argparse
import itertools
import json
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from common import table
from PIL import Image
from sound_judge import FRAMES, NAMES, fitted, trained

from pipelines.codecs.mel import BANDS, CENTRE, FRAME_RATE, SILENCE, SPREAD, mel
from pipelines.codecs.pitches import pitches
from pipelines.edit import EditPlan, invert
from pipelines.flow import CLAMP, conditioned, guided, noise, solve
from pipelines.flow.rules import ALF, rule_named, to_fixed
from pipelines.models.sound import load_sound
from pipelines.models.transcriber import load_transcriber
from pipelines.paths import assets
from pipelines.sampling import edited, sigmas_of
from pipelines.score import NOTHING, read_prompt, scored
from pipelines.score.composing import Part, compose
from pipelines.score.editing import changed
from pipelines.score.instruments import BY_NAME, INSTRUMENTS
from pipelines.score.notes import SPOKEN
from pipelines.settings import SoundEditSettings, SoundSettings
from pipelines.sound.pipeline import BEGIN, LIFT
from pipelines.training.data.packages import SOUNDFONT
from pipelines.training.data.sounds import Renderer, SoundSet, is_held_out, level

SWAPS = (
    ("piano", "strings"), ("piano", "organ"), ("piano", "marimba"), ("guitar", "flute"), ("marimba", "piano"),
    ("harp", "clarinet"), ("trumpet", "piano"), ("organ", "guitar"), ("violin", "trumpet"), ("music box", "piano"),
    ("clarinet", "violin"), ("synth lead", "banjo"),
)  # fmt: skip


def prompts_of(count, seed=5):
    """(prompt, instrument, root, held out) of ``count`` notes and chords, every second one held out of training."""
    every = [
        (f"{i.name} note {SPOKEN[root]}", i.name, root, is_held_out(i.name, "note", root, ""))
        for i in INSTRUMENTS for root in range(12)
    ]  # fmt: skip
    every += [
        (f"{i.name} {SPOKEN[root]} {quality} chord", i.name, root, is_held_out(i.name, "chord", root, quality))
        for i in INSTRUMENTS for root in range(12) for quality in ("major", "minor")
    ]  # fmt: skip
    rng = np.random.default_rng(seed)
    rng.shuffle(every)
    new, old = ([entry for entry in every if entry[3] == flag] for flag in (True, False))
    half = min(count // 2, len(new))
    return [(p, i, int(r), h) for p, i, r, h in new[:half] + old[: count - half]]


def generated(model, prompts, settings, batch=10):
    """Mels [N, BANDS, T] of ``prompts``, as the pipeline makes them."""
    tokens, made = FRAMES // 4, []
    for first in range(0, len(prompts), batch):
        some = prompts[first : first + batch]
        scores = [scored(read_prompt(prompt), 3.2, first + place) for place, prompt in enumerate(some)]
        told, untold = (model.encode(each, FRAMES) for each in (scores, [NOTHING] * len(some)))
        velocity = guided(conditioned(model, told), conditioned(model, untold), settings.guidance)
        start = (1 - BEGIN) * told.sketch + BEGIN * noise((BANDS, FRAMES), range(first, first + len(some)))
        sigmas = sigmas_of(settings, tokens, start=BEGIN, end=CLAMP)
        *_, last = solve(velocity, start, sigmas, rule_named(settings.solver))
        made.append(last.clean)
    return torch.cat(made)


def words(model, judge, settings, count):
    """Accuracy of ``count`` samples, and their mels."""
    asked = prompts_of(count)
    mels = generated(model, [prompt for prompt, *_ in asked], settings)
    heard = judge.verdicts(mels)
    right = np.array([(NAMES[v[0]] == i, v[1] == r, h) for v, (_, i, r, h) in zip(heard, asked, strict=True)])
    figures = {}
    for name, rows in (("seen", right[:, 2] == 0), ("held out", right[:, 2] == 1)):
        if rows.any():
            figures[f"instrument, {name}"] = float(right[rows, 0].mean())
            figures[f"pitch class, {name}"] = float(right[rows, 1].mean())
    figures["instrument"], figures["pitch class"] = float(right[:, 0].mean()), float(right[:, 1].mean())
    return figures, mels, [prompt for prompt, *_ in asked]


def judge_on_renders(judge, data):
    """The judge's own accuracy on notes and chords that were held out."""
    sounds = SoundSet.load(data / "sound").subset(held_out=True)
    clips = [clip for clip in sounds.clips if clip.facts.kind in ("note", "chord")]
    mels = torch.from_numpy(np.stack([fitted(sounds.mel(clip).astype(np.float32)).T for clip in clips]))
    heard = judge.verdicts(mels)
    return {
        "clips": len(clips),
        "instrument": float(np.mean([NAMES[v[0]] == c.facts.instrument for v, c in zip(heard, clips, strict=True)])),
        "pitch class": float(np.mean([v[1] == c.facts.root for v, c in zip(heard, clips, strict=True)])),
    }


def onsets(frames):
    """Frames at which notes begin: peaks of the rise of ``frames`` [BANDS, T], summed over the bands."""
    smooth = torch.nn.functional.avg_pool1d(frames[None], 3, 1, 1)[0]
    rise = (smooth[:, 3:] - smooth[:, :-3]).clamp(min=0).mean(0).numpy()
    threshold = np.median(rise) + 0.6 * rise.std()
    found = []
    for place in range(len(rise)):
        near = rise[max(0, place - 5) : place + 6]
        if rise[place] >= near.max() and rise[place] > threshold and (not found or place - found[-1] > 5):
            found.append(place)
    return np.array(found)


def strikes(frames):
    """Frames after the first five at which ``frames`` [BANDS, T] are louder by 6 dB than a moment before.

    What is 35 dB below the loudest is as good as silent.
    """
    power = torch.exp(2 * (frames * SPREAD + CENTRE)).sum(0)
    loud = (10 * (power / power.max()).log10()).clamp(min=-35).numpy()
    rise = loud[3:] - loud[:-3]
    peaks = [p for p in range(5, len(rise)) if rise[p] > 6 and rise[p] >= rise[max(0, p - 4) : p + 5].max()]
    return [p for p, before in zip(peaks, [-9, *peaks], strict=False) if p - before > 3]


def onset_f1(a, b, tolerance=7):
    """F1 of onsets ``b`` against ``a``, each matched once within ``tolerance`` frames (75 ms)."""
    free, hits = list(b), 0
    for onset in a:
        near = [other for other in free if abs(other - onset) <= tolerance]
        if near:
            free.remove(min(near, key=lambda other: abs(other - onset)))
            hits += 1
    return 2 * hits / max(1, len(a) + len(b))


EVENTFUL = ("dripping water", "footsteps", "ticking clock", "door knock", "heartbeat", "beeps", "laser gun", "typing")


class Case(NamedTuple):
    """A render to be edited: words of it, instruments, mels [1, BANDS, T] of both, root, rows by pitch, notes."""

    said: str
    source: str
    target: str
    x: torch.Tensor
    y: torch.Tensor
    root: int
    by_pitch: torch.Tensor
    notes: list


def renders_of(data, seed=9):
    """Cases, an arpeggio and a repeated note for each swap."""
    renderer = Renderer(SOUNDFONT.fetch(data / "packages") / "usr/share/fluidr3mono-gm-soundfont/FluidR3Mono_GM.sf3")
    rng = np.random.default_rng(seed)
    for source, target in SWAPS:
        for kind in ("arpeggio", "repeated"):
            quality = "major" if kind == "arpeggio" else ""
            roots = [int(root) for root in rng.permutation(12)]
            root = next((r for r in roots if is_held_out(source, kind, r, quality)), roots[0])
            octave = BY_NAME[source].octave
            notes = compose(Part(kind, octave + root, quality, "", "slow", 84, 4.1), rng)
            waves = [renderer.render(notes, 0, BY_NAME[name].programs[0], 4.1) for name in (source, target)]
            heard = torch.from_numpy(np.stack([level(wave)[: 384 * 256] for wave in waves]))
            mels = list(mel(heard).split(1))
            said = f"arpeggio in {SPOKEN[root]} major" if kind == "arpeggio" else f"repeated note {SPOKEN[root]}"
            yield Case(said, source, target, mels[0], mels[1], root, pitches(heard[:1]), notes)


def edits(model, ear, judge, data, methods, count):
    """Onset F1, new instrument heard, key kept, and model calls of each method."""
    rows, sheets = {}, []
    cases = list(itertools.islice(renders_of(data), count))
    for name, settings in methods.items():
        f1, heard, kept = [], [], []
        for said, source, target, x, _, root, by_pitch, _ in cases:
            was, wanted = (read_prompt(f"slow {name} {said}") for name in (source, target))
            scores = changed(was, wanted, ear.notes(x, by_pitch), x.shape[2] / FRAME_RATE, 3)
            before, after = (model.encode([score], x.shape[2]) for score in scores)
            plan = EditPlan(model, before, after, settings.guidance)
            *_, step = edited(plan, settings, x, [3], x.shape[2] // 4, LIFT)
            f1.append(onset_f1(onsets(x[0]), onsets(step.clean[0])))
            instrument, pitch, _ = judge.verdicts(step.clean)[0]
            heard.append(NAMES[instrument] == target)
            kept.append(pitch == root)
            if name == "rf-edit":
                sheets += [x, step.clean]
        rows[name] = {
            "onset F1": float(np.mean(f1)), "new instrument": float(np.mean(heard)), "key kept": float(np.mean(kept)),
            "calls": step.calls,
        }  # fmt: skip
    rows["true render"] = {
        "onset F1": float(np.mean([onset_f1(onsets(c.x[0]), onsets(c.y[0])) for c in cases])),
        "new instrument": float(np.mean([NAMES[judge.verdicts(c.y)[0][0]] == c.target for c in cases])),
        "key kept": float(np.mean([judge.verdicts(c.y)[0][1] == c.root for c in cases])), "calls": 0,
    }  # fmt: skip
    rows["source untouched"] = {
        "onset F1": 1.0,
        "new instrument": float(np.mean([NAMES[judge.verdicts(c.x)[0][0]] == c.target for c in cases])),
        "key kept": float(np.mean([judge.verdicts(c.x)[0][1] == c.root for c in cases])), "calls": 0,
    }  # fmt: skip
    return rows, sheets


def transcribed(ear, data, count):
    """F1 of the notes (key, and start within 75 ms) that are heard in held-out renders."""
    hits, heard, played = 0, 0, 0
    for case in itertools.islice(renders_of(data), count):
        found = list(ear.notes(case.x, case.by_pitch))
        notes = [note for note in case.notes if note.start < 4.05]
        heard, played = heard + len(found), played + len(notes)
        for note in notes:
            near = [f for f in found if f.key == note.key and abs(f.start - note.start) < 0.075]
            if near:
                found.remove(near[0])
                hits += 1
    return 2 * hits / max(1, heard + played)


def close(model, data, settings, count=24):
    """Squared error to held-out notes and chords from their own scores: while a key is held, and from .25 s after."""
    sounds = SoundSet.load(data / "sound").subset(held_out=True)
    clips = [clip for clip in sounds.clips if clip.facts.kind in ("note", "chord")]
    held, after = [], []
    for place, clip in enumerate(clips[:: max(1, len(clips) // count)][:count]):
        x = torch.from_numpy(sounds.mel(clip)[: clip.frames // 4 * 4].astype(np.float32).T)[None]
        told = model.encode([clip.score], x.shape[2])
        start = (1 - BEGIN) * told.sketch + BEGIN * noise((BANDS, x.shape[2]), [place])
        sigmas = sigmas_of(settings, x.shape[2] // 4, start=BEGIN, end=CLAMP)
        *_, last = solve(conditioned(model, told), start, sigmas, rule_named(settings.solver))
        error = (last.clean - x)[0].square().mean(0)
        end = round(max(note.start + note.seconds for note in clip.score.notes) * FRAME_RATE)
        held.append(float(error[:end].mean()))
        if end + 24 < len(error):
            after.append(float(error[end + 24 :].mean()))
    return {"held": float(np.mean(held)), "after": float(np.mean(after)), "clips": len(held), "with an end": len(after)}


def exact(model, data):
    """Whether a mel, as the engine's fixed-point numbers, returns to the bit after four steps into noise and back."""
    case = next(iter(renders_of(data)))
    x = case.x
    velocity = conditioned(model, model.encode([scored(read_prompt(f"piano {case.said}"), 4.1, 0)], x.shape[2]))
    rising = sigmas_of(SoundEditSettings(prompt="x", steps=4), x.shape[2] // 4, end=CLAMP).flip(0)
    up = list(invert(velocity, x, rising))[-1]
    down = list(solve(velocity, up.state, rising.flip(0), ALF))[-1]
    return bool(torch.equal(down.state.x, to_fixed(x)))


def events(model, settings, seeds=4):
    """Of each noise, how well the onsets in its mel are those of its score."""
    found = {}
    for name in EVENTFUL:
        mels = generated(model, [name] * seeds, settings)
        f1 = []
        for seed, frames in enumerate(mels):
            asked = [note.start * FRAME_RATE for note in scored(read_prompt(name), 3.2, seed).notes]
            f1.append(onset_f1([each for each in asked if 5 < each < FRAMES - 10], strikes(frames)))
        found[name] = float(np.mean(f1))
    return found


def speed(seconds=4.0):
    """Median seconds of three runs for ``seconds`` of sound at default steps, vocoder included."""
    from pipelines.sound import SoundPipeline

    pipeline, times = SoundPipeline.load(), []
    for seed in range(3):
        started = time.perf_counter()
        list(pipeline.generate(SoundSettings(prompt="slow piano arpeggio in C minor", seconds=seconds, seed=seed)))
        times.append(time.perf_counter() - started)
    return sorted(times)[1]


def sheet(mels, path, columns=6):
    """A picture of spectrograms, low bands at the bottom."""
    tiles = [np.flipud((mel[0].numpy() - SILENCE) / (2.5 - SILENCE)).clip(0, 1)[:, :384] for mel in mels]
    tiles = [np.pad(tile, ((0, 4), (0, 388 - tile.shape[1]))) for tile in tiles]
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    grid = np.concatenate([np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)])
    Image.fromarray((255 * grid).astype(np.uint8)).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--weights", type=Path, default=assets() / "weights" / "sound-starter")
    parser.add_argument("--transcriber", type=Path, default=assets() / "weights" / "transcriber")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--cases", type=int, default=12, help="edits, at most 24")
    parser.add_argument("--methods", default="rf-edit,flowedit,magicmix,sdedit")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--parts", default="words,events,close,edits,exact,speed")
    chosen = parser.parse_args()
    parts = chosen.parts.split(",")
    model, found, shown = load_sound(chosen.weights), {}, []
    if {"words", "edits"} & set(parts):
        judge = trained(chosen.data)
        found["judge on held-out renders"] = judge_on_renders(judge, chosen.data)
    if "events" in parts:
        found["events"] = events(model, SoundSettings(prompt="x"))
    if "words" in parts:
        settings = SoundSettings(prompt="x", seconds=FRAMES / FRAME_RATE)
        found["words"], mels, _ = words(model, judge, settings, chosen.count)
        shown += list(mels[:24].split(1))
    if "close" in parts:
        found["squared error"] = close(model, chosen.data, SoundSettings(prompt="x"))
    if "edits" in parts:
        base, ear = SoundEditSettings(prompt="x"), load_transcriber(chosen.transcriber)
        found["notes heard in the sources"] = transcribed(ear, chosen.data, chosen.cases)
        methods = {name: base.with_(method=name) for name in chosen.methods.split(",")}
        found["edits"], pictures = edits(model, ear, judge, chosen.data, methods, chosen.cases)
        shown += pictures[:24]
    if "exact" in parts:
        found["round trip at 8 calls is bit-exact"] = exact(model, chosen.data)
    if "speed" in parts:
        found["seconds for 4 s of sound"] = speed()
    table(("what", "value"), [(key, json.dumps(value)) for key, value in found.items()])
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=2) + "\n")
    if chosen.sheet and shown:
        sheet(shown, chosen.sheet)


if __name__ == "__main__":
    main()
