"""Reading any sound, its loudness, and cutting and joining it."""

import io
import re
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import tone

from pipelines.codecs import decoding
from pipelines.codecs.audio import (
    crossfaded,
    loudness,
    mono,
    normalised,
    read_sound,
    resampled,
    trimmed,
    true_peak,
)
from pipelines.errors import MediaError, SettingsError
from pipelines.media import Sound, Word

ROOT = Path(__file__).parent.parent


def noise(seconds=1.0, rate=22050, channels=2, level=0.2, seed=0):
    random = np.random.default_rng(seed).normal(0, level, (channels, round(seconds * rate)))
    return Sound(np.clip(random, -1, 1).astype(np.float32), rate)


def encoded(samples, rate=22050, kind="WAV", subtype=None):
    held = io.BytesIO()
    soundfile.write(held, samples.T, rate, format=kind, subtype=subtype)
    return held.getvalue()


def by_ffmpeg(path, sound, *options):
    """``sound`` as FFmpeg's own program writes it."""
    wav = encoded(sound.samples, sound.sample_rate, subtype="FLOAT")
    subprocess.run(
        ["ffmpeg", "-y", "-loglevel", "error", "-i", "-", *options, str(path)], input=wav, check=True, timeout=60
    )
    return path


# Reading.


@pytest.mark.parametrize(
    "kind, subtype, step",
    [
        ("WAV", "PCM_U8", 2**-7),
        ("WAV", "PCM_16", 2**-15),
        ("WAV", "PCM_24", 2**-23),
        ("WAV", "FLOAT", 0),
        ("WAV", "DOUBLE", 0),
        ("WAVEX", "PCM_16", 2**-15),
        ("RF64", "PCM_24", 2**-23),
        ("W64", "PCM_16", 2**-15),
        ("FLAC", "PCM_S8", 2**-7),
        ("FLAC", "PCM_24", 2**-23),
        ("AIFF", "PCM_16", 2**-15),
        ("AU", "PCM_16", 2**-15),
        ("CAF", "PCM_16", 2**-15),
    ],
)
def test_samples_are_what_the_file_holds(kind, subtype, step):
    made = noise().samples
    sound, notes = read_sound(encoded(made, kind=kind, subtype=subtype))
    assert (sound.sample_rate, sound.samples.shape, notes) == (22050, made.shape, ())
    held = soundfile.read(io.BytesIO(encoded(made, kind=kind, subtype=subtype)), dtype="float32")[0].T
    assert np.array_equal(sound.samples, held)
    assert np.abs(sound.samples - made).max() <= step


@pytest.mark.parametrize("kind, subtype", [("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_lossy_files_come_back_where_they_were(kind, subtype):
    made = tone(1.0, 22050)
    sound, notes = read_sound(encoded(made.samples, kind=kind, subtype=subtype))
    assert sound.samples.shape == made.samples.shape and notes == ()
    assert np.abs(sound.samples - made.samples)[:, 2000:-2000].max() < 0.08


VIDEO = ("-f", "lavfi", "-i", "color=s=64x64:d=1:r=25", "-map", "0:a", "-map", "1:v")


@pytest.mark.parametrize("name", ["a.m4a", "a.mka", "a.wma", "a.ac3", "a.aac", "a.wv", "a.tta", "a.mp2"])
def test_other_sound_files_are_read(tmp_path, name):
    made = tone(1.0, 44100)
    sound, notes = read_sound(by_ffmpeg(tmp_path / name, made))
    assert sound.sample_rate == 44100 and sound.samples.shape[0] == 2 and notes == ()
    assert 0.97 < sound.seconds < 1.1  # they come in blocks, the last one filled up or left out
    assert loudness(sound) == pytest.approx(loudness(made), abs=0.5)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi", "a.ts", "a.flv"])
def test_a_video_gives_its_sound(tmp_path, name):
    made = tone(1.0, 44100)
    sound, notes = read_sound(by_ffmpeg(tmp_path / name, made, *VIDEO))
    assert 1.0 <= sound.seconds < 1.1 and notes == ()
    assert loudness(sound) == pytest.approx(loudness(made), abs=0.5)


def test_a_video_without_sound_is_refused(tmp_path):
    path = by_ffmpeg(tmp_path / "mute.mp4", tone(), *VIDEO[:4], "-map", "1:v")
    with pytest.raises(MediaError, match=r"mute.mp4: there is no sound in it; choose a file with sound"):
        read_sound(path)


def test_the_first_of_two_tracks_is_used(tmp_path):
    path = by_ffmpeg(tmp_path / "two.mka", tone(), "-map", "0:a", "-map", "0:a", "-c:a", "flac")
    assert read_sound(path)[1] == ("two.mka holds 2 sound tracks; the first is used",)


def test_192_khz_is_read_as_it_is():
    made = noise(0.2, 192_000)
    sound, notes = read_sound(encoded(made.samples, 192_000, subtype="FLOAT"))
    assert sound.sample_rate == 192_000 and np.array_equal(sound.samples, made.samples) and notes == ()


@pytest.mark.parametrize("place, left, right", [(0, 1, 0), (1, 0, 1), (2, 0.5**0.5, 0.5**0.5), (3, 0, 0),
                                                (4, 0.5**0.5, 0), (5, 0, 0.5**0.5), (6, 0.5**0.5, 0)])  # fmt: skip
def test_surround_sound_is_mixed_down_by_the_rule(tmp_path, place, left, right):
    wave = np.sin(np.arange(8000) * 0.1, dtype=np.float32) * 0.5
    many = np.zeros((8, 8000), np.float32)
    many[place] = wave
    raw = many.T.tobytes()
    path = tmp_path / "cinema.wav"
    form = ["-f", "f32le", "-ar", "48000", "-ac", "8", "-i", "-", "-channel_layout", "7.1", "-c:a", "pcm_f32le"]
    subprocess.run(["ffmpeg", "-y", "-loglevel", "error", *form, str(path)], input=raw, check=True, timeout=60)
    sound, notes = read_sound(path)
    assert np.allclose(sound.samples, np.stack([left * wave, right * wave]), atol=1e-6)
    assert notes[0] == "cinema.wav has 8 channels (7.1); they are mixed down to stereo"


def test_channels_without_places_become_their_mean(tmp_path):
    waves = np.stack([np.full(100, level, np.float32) for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)])
    sound, notes = read_sound(encoded(waves, subtype="FLOAT"))
    assert sound.samples.shape == (1, 100) and np.allclose(sound.samples, 0.5)
    assert "9 channels that do not say where they belong; their mean is used" in notes[0]


def test_one_sample_is_a_sound():
    sound, notes = read_sound(encoded(np.array([[0.25]], np.float32), subtype="FLOAT"))
    assert sound.samples.tolist() == [[0.25]] and notes == ()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_a_number_is_refused(value):
    made = noise().samples.copy()
    made[1, 4321] = value
    with pytest.raises(MediaError, match="1 samples, first number 4321, are not numbers"):
        read_sound(encoded(made, subtype="FLOAT"))


def test_a_double_too_large_for_a_float_is_refused():
    made = np.zeros((1, 100))
    made[0, 7] = 1e300
    with pytest.raises(MediaError, match="first number 7, are not numbers"):
        read_sound(encoded(made, subtype="DOUBLE"))


def test_past_full_scale_is_turned_down_whole():
    made = (tone().samples * 4).astype(np.float32)
    sound, notes = read_sound(encoded(made, subtype="FLOAT"))
    assert notes == ("sound goes 6.0 dB past full scale; all of it is turned down by as much",)
    assert np.allclose(sound.samples, made / np.abs(made).max(), atol=1e-6)


def test_clipping_offset_and_silence_are_noted():
    loud = np.clip(tone(1.0).samples * 3, -0.95, 0.95)
    assert "is clipped" in read_sound(encoded(loud))[1][0]
    assert read_sound(encoded(tone(1.0).samples * 1.9))[1] == ()
    assert "constant offset of 10% of full scale" in read_sound(encoded(tone(1.0).samples + 0.1, subtype="FLOAT"))[1][0]
    assert read_sound(encoded(np.zeros((1, 500), np.float32)))[1] == ("sound is silent from beginning to end",)


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "is empty"),
        (b"hello", "not a sound that can be read; use WAV"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a sound that can be read"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "not a sound that can be read"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 100, "not a sound that can be read"),
        (encoded(noise().samples)[:44], "no samples in it"),
        (encoded(noise().samples)[:30], "damaged or cut short"),
        (b"\xff\xfb\x90\x00" + b"\x00" * 50, "damaged|no samples"),
        (b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + b"\x00" * 50, "damaged|no samples"),
        (b"fLaC" + b"\xff" * 500, "damaged|no samples|no sound"),
        (b"\x1a\x45\xdf\xa3" + b"\x07" * 500, "damaged|no samples|no sound"),
        (b"\x00\x00\x00\x18ftypM4A " + b"\x00" * 500, "damaged|no samples|no sound"),
    ],
)
def test_what_is_no_sound_is_refused(data, reason):
    with pytest.raises(MediaError, match=reason):
        read_sound(data)


def test_a_missing_file_and_an_address_are_refused(tmp_path):
    for source in (tmp_path / "none.wav", "http://localhost/a.wav", "concat:a.wav|b.wav"):
        with pytest.raises(MediaError, match="no such file"):
            read_sound(source)


def test_a_sound_that_ends_too_early_says_so():
    whole = encoded(noise(3.0).samples)
    sound, notes = read_sound(whole[: len(whole) // 2])
    assert sound.seconds == pytest.approx(1.5, abs=0.1)
    assert notes == () or "cut short" in notes[0]
    flac = encoded(noise(3.0).samples, kind="FLAC")
    sound, notes = read_sound(flac[: len(flac) // 2])
    assert 1 < sound.seconds < 2 and ("cut short" in notes[0] or "damaged" in notes[0])


def wav_header(seconds, rate=48000):
    size = seconds * rate * 2
    return struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", size + 36, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16,
                       b"data", size)  # fmt: skip


def test_three_hours_are_refused_at_once_and_cost_nothing(tmp_path):
    path = tmp_path / "meeting.wav"
    with path.open("wb") as file:
        file.write(wav_header(3 * 3600))
        file.truncate(44 + 3 * 3600 * 96_000)
    code = (
        "import resource, sys\nfrom pipelines.codecs.audio import read_sound\nimport av\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n    read_sound(sys.argv[1])\nexcept Exception as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    start = time.perf_counter()
    run = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, cwd=ROOT, check=True)
    said, grown = run.stdout.strip().splitlines()
    assert said.startswith("meeting.wav: 180 minutes long, at most 10 minutes; cut it to the part that you need")
    assert "ffmpeg -i in.wav -ss 0 -t 600 out.wav" in said
    assert int(grown) < 20_000 and time.perf_counter() - start < 10  # kilobytes


def test_a_sound_without_a_stated_length_is_read_up_to_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_SECONDS", 2)
    held = by_ffmpeg(tmp_path / "a.aac", noise(3.0, 44100))
    data = held.read_bytes()
    with pytest.raises(MediaError, match="at most 2.0 s"):
        read_sound(data * 50)
    assert read_sound(by_ffmpeg(tmp_path / "b.aac", noise(1.0, 44100)))[0].seconds < 1.1


def test_many_samples_a_second_may_last_less_long(monkeypatch):
    monkeypatch.setattr(decoding, "MAX_VALUES", 100_000)
    data = encoded(noise(1.0, 192_000).samples, 192_000)
    with pytest.raises(MediaError, match="at 192000 Hz and 2 channels it may last at most 0.3 s, and goes on; cut it"):
        read_sound(data)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["wav", "flac", "ogg", "mp3"]), st.integers(0, 2000))
def test_damage_is_answered_in_words(junk, kind, place):
    whole = encoded(tone(0.1).samples, kind=kind.upper())
    damaged = whole[:place] + junk + whole[place + len(junk) :]
    try:
        sound, _ = read_sound(damaged)
    except MediaError as error:
        assert str(error).startswith("sound: ")
    else:
        assert np.isfinite(sound.samples).all()


# Rate and channels.


def test_the_mean_of_both_channels_is_mono():
    sound = Sound(np.array([[0.5, -1], [0.25, 0]], np.float32), 8000, (Word("a", 0, 1),))
    assert mono(sound).samples.tolist() == [[0.375, -0.5]] and mono(sound).words == sound.words
    assert mono(mono(sound)) is not sound and mono(mono(sound)).samples.shape == (1, 2)


@pytest.mark.parametrize("old, new", [(44100, 24000), (24000, 48000), (192_000, 24000), (8000, 24000)])
def test_resampling_keeps_a_tone(old, new):
    made = resampled(tone(1.0, old, 1), new)
    assert made.samples.shape == (1, new)
    inner = slice(new // 10, -new // 10)
    assert np.abs(made.samples - tone(1.0, new, 1).samples)[:, inner].max() < 1e-4


def test_resampling_lets_nothing_fold_back():
    time = np.arange(48000) / 48000
    high = Sound((0.9 * np.sin(2 * np.pi * 15_000 * time))[None].astype(np.float32), 48000)
    assert np.abs(resampled(high, 24000).samples[:, 500:-500]).max() < 1e-4


def test_resampling_by_one_changes_nothing_and_odd_rates_are_refused():
    sound = tone()
    assert resampled(sound, sound.sample_rate) is sound
    with pytest.raises(MediaError, match="sample_rate: must be between 1000 and 384000 Hz, got 12"):
        resampled(sound, 12)
    assert resampled(Sound(np.ones((1, 1), np.float32), 48000), 8000).samples.shape == (1, 1)


# Loudness.


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000, 96000, 192_000])
def test_the_standards_own_tone_has_the_standards_loudness(rate):
    wave = np.sin(2 * np.pi * 997 * np.arange(3 * rate) / rate)[None].astype(np.float32)
    assert loudness(Sound(wave, rate)) == pytest.approx(-3.01, abs=0.05)  # BS.1770: 0 dBFS at 997 Hz
    assert loudness(Sound(np.repeat(wave, 2, 0) / 10, rate)) == pytest.approx(-20.0, abs=0.05)


def test_loudness_is_gated_as_in_the_ebus_case():
    # EBU Tech 3341, case 3: the quiet ends are gated away.
    rate = 48000
    level = np.concatenate(
        [np.full(seconds * rate, 10 ** (db / 20)) for seconds, db in ((10, -36), (60, -23), (10, -36))]
    )
    wave = (level * np.sin(2 * np.pi * 1000 * np.arange(len(level)) / rate)).astype(np.float32)
    assert loudness(Sound(np.stack([wave, wave]), rate)) == pytest.approx(-23.0, abs=0.1)


def measured(sound):
    """Integrated loudness and true peak by FFmpeg's own meter."""
    wav = encoded(sound.samples, sound.sample_rate, subtype="FLOAT")
    command = ["ffmpeg", "-hide_banner", "-nostats", "-i", "-", "-af", "ebur128=peak=true", "-f", "null", "-"]
    run = subprocess.run(command, input=wav, capture_output=True, check=True, timeout=60, text=False)
    summary = run.stderr.decode().rpartition("Summary:")[2]
    return float(re.search(r"I:\s+(\S+) LUFS", summary)[1]), float(re.search(r"Peak:\s+(\S+) dBFS", summary)[1])


@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_and_peak_agree_with_another_meter(channels):
    pink = np.cumsum(noise(8.0, 48000, channels).samples, axis=1)
    swell = np.abs(np.sin(np.linspace(0, 9, pink.shape[1]))) ** 3
    sound = Sound((pink / np.abs(pink).max() * swell).astype(np.float32), 48000)
    for each in (sound, noise(6.0, 48000, channels)):
        level, peak = measured(each)
        assert loudness(each) == pytest.approx(level, abs=0.1)
        assert 20 * np.log10(true_peak(each)) == pytest.approx(peak, abs=0.3)


def test_a_long_sound_is_measured_in_chunks_as_in_one(monkeypatch):
    from pipelines.codecs import audio

    sound = noise(7.3, 24000)
    whole = loudness(sound)
    monkeypatch.setattr(audio, "_CHUNK", 10_000)
    assert loudness(sound) == pytest.approx(whole, abs=1e-9)


def test_a_peak_between_samples_is_found():
    # A quarter of the rate, samples at 45 degrees: they reach 0.707 of the wave.
    wave = np.sin(np.pi / 2 * np.arange(4000) + np.pi / 4) * 0.9 * np.hanning(4000)
    assert np.abs(wave).max() == pytest.approx(0.6364, abs=1e-3)
    assert true_peak(Sound(wave[None].astype(np.float32), 8000)) == pytest.approx(0.9, abs=0.002)


def test_quiet_sounds_reach_the_level_by_one_gain():
    sound = noise(3.0, level=0.01)
    made = normalised(sound, -23)
    assert loudness(made) == pytest.approx(-23, abs=0.05)
    ratio = made.samples[sound.samples != 0] / sound.samples[sound.samples != 0]
    assert np.allclose(ratio, ratio[0], rtol=1e-5)


@pytest.mark.parametrize("lufs, ceiling", [(-14, -1), (-12, -3), (-18, -10)])
def test_peaks_give_way_to_the_ceiling(lufs, ceiling):
    made = 0.05 * np.sin(np.arange(96_000) * 0.3 + 0.1)[None].astype(np.float32)
    made[:, ::6000] = 0.9
    result = normalised(Sound(made, 24000), lufs, ceiling)
    assert true_peak(result) <= 10 ** (ceiling / 20) * 1.0005
    assert loudness(result) == pytest.approx(lufs, abs=0.1)
    # The limiter turns down around peaks alone, smoothly: one gain elsewhere, and no step from sample to sample.
    gain = result.samples[0] / made[0]
    far = np.abs((np.arange(gain.size) + 3000) % 6000 - 3000) > 300
    assert np.ptp(gain[far]) < 1e-3 * gain[far].mean()
    assert np.abs(np.diff(gain)).max() < 0.1 * gain.max()


def test_what_leaves_no_room_stays_below_the_ceiling():
    sound = Sound(np.sign(noise(1.0, 24000, 1).samples).astype(np.float32), 24000)
    made = normalised(sound, -1, -1)
    assert true_peak(made) <= 10 ** (-1 / 20) * 1.0005 and loudness(made) > -10


def test_silence_stays_silent_and_hiss_is_not_blown_up():
    silence = Sound(np.zeros((2, 24000), np.float32), 24000)
    assert loudness(silence) == -np.inf and normalised(silence, -18) is silence
    hiss = noise(2.0, level=3e-4)
    gain = np.abs(normalised(hiss, -8).samples).max() / np.abs(hiss.samples).max()
    assert gain == pytest.approx(100, rel=1e-3)


def test_short_sounds_have_a_loudness():
    wave = 0.1 * np.sin(2 * np.pi * 997 * np.arange(4800) / 48000)[None].astype(np.float32)
    assert loudness(Sound(wave.astype(np.float32), 48000)) == pytest.approx(-23.0, abs=0.7)
    assert loudness(Sound(np.ones((1, 1), np.float32), 48000)) > -70


@pytest.mark.parametrize("lufs, ceiling", [(1, -1), (-99, -1), (-18, 2)])
def test_levels_out_of_range_are_refused(lufs, ceiling):
    with pytest.raises(SettingsError, match="must be between"):
        normalised(tone(), lufs, ceiling)


# Cutting and joining.


def test_trimming_keeps_samples_and_moves_words():
    sound = Sound(noise(2.0, 1000).samples, 1000, (Word("a", 0.1, 0.4), Word("b", 0.6, 0.9), Word("c", 1.4, 1.8)))
    made = trimmed(sound, 0.5, 1.5)
    assert np.array_equal(made.samples, sound.samples[:, 500:1500])
    assert [(word.text, round(word.start, 6), round(word.end, 6)) for word in made.words] == [("b", 0.1, 0.4)]
    assert trimmed(sound, 0).samples.shape == sound.samples.shape
    for start, end in ((1.0, 1.0), (2.5, 3.0), (-0.1, 1.0)):
        with pytest.raises(SettingsError, match="start: must lie before the end, within the 2.00 s"):
            trimmed(sound, start, end)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400), st.floats(0, 0.1))
def test_a_crossfade_touches_only_the_overlap(first, second, seconds):
    one, two = noise(first / 1000, 1000, 1, seed=1), noise(second / 1000, 1000, 1, seed=2)
    over = round(seconds * 1000)
    if over > min(first, second):
        with pytest.raises(SettingsError, match="must fit into both sounds"):
            crossfaded(one, two, seconds)
        return
    made = crossfaded(one, two, seconds)
    assert made.samples.shape[1] == first + second - over
    assert np.array_equal(made.samples[:, : first - over], one.samples[:, : first - over])
    assert np.array_equal(made.samples[:, first:], two.samples[:, over:])


def test_a_sound_faded_into_itself_is_unchanged():
    sound = Sound(noise(1.0, 1000).samples, 1000, (Word("a", 0.1, 0.2),))
    made = crossfaded(trimmed(sound, 0, 0.6), trimmed(sound, 0.5), 0.1)
    assert np.allclose(made.samples, sound.samples, atol=1e-6)
    assert crossfaded(sound, sound, 0.5).words[1] == Word("a", 0.6, 0.7)
    with pytest.raises(MediaError, match="can only join sounds of one kind"):
        crossfaded(sound, noise(1.0, 1000, 1), 0.1)


def test_the_codec_runs_without_torch():
    code = "import sys, pipelines.codecs.audio; print({'torch', 'av', 'soxr'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert run.stdout.strip() == "set()"
