"""What the vocoder costs and what it loses, on sound it never saw: ``python tests/bench/vocoder.py --data DATA``.

Sentences and music held out of training go to frames and back, by the vocoder and by 32 rounds of Griffin-Lim from the
pseudo-inverse of the mel filters. Measured: DNSMOS (speechmos) of source and copy, pitch by pyworld, distance of the
frames in decibels, glides from 60 to 800 Hz, and the time it takes. Writes JSON and a sheet of spectrograms.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from common import table

from pipelines.codecs import mel as frames
from pipelines.codecs.mel import HOP, SAMPLE_RATE
from pipelines.models import sources
from pipelines.models.sources import Running
from pipelines.models.vocoder import load_vocoder
from pipelines.paths import assets
from pipelines.training.data.voices import Voices

WAYS = ("vocoder", "griffin-lim")
DECIBELS = 20 / np.log(10) * frames.SPREAD  # a step of one in a normalised log-mel


def held_out(voices, source, count):
    """Up to ``count`` held-out waves [1, N] of ``source``, at most eight seconds each, none shorter than one."""
    takes = [t for t in voices.takes if t["source"] == source and t["held_out"] and t["frames"] > 94]
    waves = []
    for take in takes[:: max(1, len(takes) // count)][:count]:
        begin, end = take["start"] * HOP, (take["start"] + min(take["frames"], 750)) * HOP
        waves.append(torch.from_numpy(voices.waves[begin:end].astype(np.float32) / 32767)[None])
    return waves


def griffin_lim(latent, rounds=32):
    """Wave [1, N] from frames by Griffin and Lim (1984), fast variant of Perraudin et al. (2013)."""
    bands = frames.bands_of(latent)
    magnitude = (torch.linalg.pinv(frames.filters()) @ bands).clamp(min=0)
    generator = torch.Generator().manual_seed(0)
    angle = torch.rand(magnitude.shape, generator=generator) * 2 * torch.pi
    estimate = former = torch.polar(magnitude, angle)
    for _ in range(rounds):
        found = frames.spectrum(sources.overlap(estimate.mT, Running(last=True)))
        pushed = found + 0.99 * (found - former)
        former = found
        estimate = torch.polar(magnitude, pushed.angle())
    return sources.overlap(estimate.mT, Running(last=True))


def quality(wave):
    """DNSMOS overall and P.808 of a wave [1, N] at 24 kHz."""
    import soxr
    from speechmos import dnsmos

    at_16 = soxr.resample(wave[0].double().numpy(), SAMPLE_RATE, 16_000).clip(-1, 1)
    found = dnsmos.run(at_16, 16_000)
    return float(found["ovrl_mos"]), float(found["p808_mos"])


def pitch(wave, top=1000.0):
    """Hertz at every 5 ms of a wave [1, N], 0 where unvoiced."""
    import pyworld

    sound = wave[0].double().numpy()
    rough, times = pyworld.dio(sound, SAMPLE_RATE, f0_floor=50, f0_ceil=top, frame_period=5)
    return pyworld.stonemask(sound, rough, times, SAMPLE_RATE)


def pitch_error(one, two):
    """(median cents, share of voiced frames beyond 50 cents, share of frames voiced in one only)."""
    both = (one > 0) & (two > 0)
    if not both.any():
        return float("nan"), float("nan"), float("nan")
    cents = 1200 * np.abs(np.log2(two[both] / one[both]))
    return float(np.median(cents)), float((cents > 50).mean()), float(((one > 0) != (two > 0)).mean())


def compare(waves, restore, spoken):
    """Mean figures of ``restore`` over ``waves``."""
    rows = []
    for wave in waves:
        latent = frames.mel(wave)
        copy = restore(latent)
        row = {"mel_db": float((frames.mel(copy) - latent).abs().mean() * DECIBELS)}
        if spoken:
            before, after = quality(wave), quality(copy)
            error = pitch_error(pitch(wave), pitch(copy))
            row |= {
                "dnsmos_source": before[0], "dnsmos": after[0], "p808_source": before[1], "p808": after[1],
                "cents": error[0], "beyond_50_cents": error[1], "voicing_differs": error[2],
            }  # fmt: skip
        rows.append(row)
    return {key: round(float(np.nanmean([row[key] for row in rows])), 4) for key in rows[0]} | {"waves": len(rows)}


def glide(low=60.0, high=800.0, seconds=6.0):
    """(wave [1, N], hertz [N]) of a voice-like tone that glides up: harmonics that fall by 9 dB an octave."""
    at = np.linspace(0, 1, int(seconds * SAMPLE_RATE))
    hertz = low * (high / low) ** at
    phase = np.cumsum(hertz) / SAMPLE_RATE
    wave = np.zeros_like(at)
    for harmonic in range(1, 200):
        wave += (hertz * harmonic < 11_000) * np.sin(2 * np.pi * harmonic * phase) / harmonic**1.5
    return torch.from_numpy(0.3 * wave / np.abs(wave).max()).float()[None], hertz


def glide_error(restore):
    """Median cents off and share of frames within 50 cents over a glide from 60 to 800 Hz, an octave at a time."""
    wave, hertz = glide()
    found = pitch(restore(frames.mel(wave)))
    truth = hertz[np.minimum(np.arange(len(found)) * SAMPLE_RATE // 200, len(hertz) - 1)]
    result = {}
    for low, high in ((60, 120), (120, 240), (240, 480), (480, 800)):
        here = (truth >= low) & (truth < high)
        cents = np.where(found[here] > 0, 1200 * np.abs(np.log2(np.maximum(found[here], 1) / truth[here])), np.inf)
        result[f"{low}-{high} Hz"] = {
            "median_cents": round(float(np.median(cents)), 2), "within_50_cents": round(float((cents < 50).mean()), 3)
        }  # fmt: skip
    return result


def real_time(restore, latent, threads, clock):
    """Seconds of work per second of sound, the best of three; processor time ignores what else the machine does."""
    torch.set_num_threads(threads)
    best = float("inf")
    for _ in range(3):
        started = clock()
        restore(latent)
        best = min(best, clock() - started)
    return round(best / (latent.shape[2] * HOP / SAMPLE_RATE), 4)


def sheet(rows, path):
    """Write spectrograms of (title, wave [1, N]) as one picture, 0 to 12 kHz, 90 dB deep."""
    from PIL import Image, ImageDraw

    tiles = []
    for title, wave in rows:
        level = 20 * (frames.spectrum(wave[:, : 3 * SAMPLE_RATE]).abs()[0] / 256 + 1e-7).log10()
        grey = ((level + 100) / 90 * 255).clamp(0, 255).byte().flip(0).numpy()
        tile = Image.fromarray(grey).resize((700, 260))
        ImageDraw.Draw(tile).text((6, 4), title, fill=255)
        tiles.append(np.asarray(tile))
    columns = 3
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    grid = [np.concatenate(tiles[i : i + columns], 1) for i in range(0, len(tiles), columns)]
    Image.fromarray(np.concatenate(grid, 0)).save(path)


def metrics(result):
    """Rows for the model card."""
    rows = []
    for source, name in (("hibari", "the voice heart"), ("flite", "flite's voices")):
        ours, other = result[source]["vocoder"], result[source]["griffin-lim"]
        rows += [
            (
                f"DNSMOS overall, {name}: source, vocoder, Griffin-Lim",
                f"{ours['dnsmos_source']:.2f}, {ours['dnsmos']:.2f}, {other['dnsmos']:.2f}",
            ),
            (
                f"DNSMOS P.808, {name}: source, vocoder, Griffin-Lim",
                f"{ours['p808_source']:.2f}, {ours['p808']:.2f}, {other['p808']:.2f}",
            ),
            (f"pitch, {name}: median cents off, vocoder, Griffin-Lim", f"{ours['cents']:.1f}, {other['cents']:.1f}"),
        ]
    rows += [
        (
            f"frames, {source}: decibels off, vocoder, Griffin-Lim",
            ", ".join(f"{result[source][w]['mel_db']:.2f}" for w in WAYS),
        )
        for source in ("hibari", "flite", "glides", "music", "samples")
    ]
    for octave, found in result["glide"]["vocoder"].items():
        rows.append((f"glide, {octave}: frames within 50 cents", f"{found['within_50_cents']:.0%}"))
    cost = result["seconds_per_second"]["vocoder, processor, 1 core"]
    return [*rows, ("seconds of one core for a second of sound", f"{cost:.2f}")]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/vocoder"))
    parser.add_argument("--weights", type=Path, default=assets() / "weights" / "vocoder")
    parser.add_argument("--waves", type=int, default=12, help="held-out waves of each source")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--card", type=Path, help="metrics.json of a run, from which export fills in the model card")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--sounds", type=Path, help="folder to write sources and copies to")
    options = parser.parse_args()
    torch.set_num_threads(1)
    vocoder, voices = load_vocoder(options.weights), Voices.load(options.data)
    ways = dict(zip(WAYS, (vocoder, griffin_lim), strict=True))
    result, pictures = {}, []
    for source in ("hibari", "flite", "glides", "music", "samples"):
        waves = held_out(voices, source, options.waves)
        spoken = source in ("hibari", "flite")
        result[source] = {way: compare(waves, restore, spoken) for way, restore in ways.items()}
        latent = frames.mel(waves[0])
        shown = [("source", waves[0]), *((way, restore(latent)) for way, restore in ways.items())]
        pictures += [(f"{source}: {way}", wave) for way, wave in shown]
        print(source, json.dumps(result[source]), flush=True)
    result["glide"] = {way: glide_error(restore) for way, restore in ways.items()}
    latent = frames.mel(held_out(voices, "hibari", 1)[0])
    clocks = {"processor, 1 core": (time.process_time, 1), "wall, 1 core": (time.perf_counter, 1)}
    clocks |= {"wall, 2 cores": (time.perf_counter, 2)}
    result["seconds_per_second"] = {
        f"{way}, {name}": real_time(restore, latent, threads, clock)
        for way, restore in ways.items()
        for name, (clock, threads) in clocks.items()
    }
    pictures += [("glide: source", glide()[0]), *((f"glide: {w}", r(frames.mel(glide()[0]))) for w, r in ways.items())]
    keys = ("dnsmos_source", "dnsmos", "p808_source", "p808", "cents", "beyond_50_cents", "voicing_differs", "mel_db")
    rows = [
        (source, way, *(result[source][way].get(key, "") for key in keys))
        for source in ("hibari", "flite", "glides", "music", "samples")
        for way in ways
    ]
    table(("sound", "way", *keys), rows)
    print(json.dumps({key: result[key] for key in ("glide", "seconds_per_second")}, indent=1))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")
    if options.card:
        options.card.write_text(json.dumps(metrics(result), indent=1) + "\n")
    if options.sheet:
        sheet(pictures, options.sheet)
    if options.sounds:
        import soundfile

        options.sounds.mkdir(parents=True, exist_ok=True)
        for title, wave in pictures:
            soundfile.write(options.sounds / f"{title.replace(': ', '-')}.wav", wave[0].numpy(), SAMPLE_RATE)


if __name__ == "__main__":
    main()
