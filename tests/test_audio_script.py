"""The scripts that measure and play sounds, called in a real browser with sounds whose answers are known."""

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Error

import studio
from studio.theme import SCRIPTS

LOOK = Path(studio.__file__).parent / "look"
RATE = 24_000


@pytest.fixture(scope="module")
def page(browser):
    opened = browser.new_page()
    opened.goto("about:blank")
    for name in SCRIPTS:
        if name.startswith("sound") and name not in ("sound.js", "sound-hands.js"):
            opened.evaluate(f"() => {{ {(LOOK / name).read_text('utf-8')} }}")
    yield opened
    opened.close()


def called(page, body, samples=(), rate=RATE):
    """What ``body`` returns, with ``sound``, ``samples`` [channels][N] and ``rate`` at hand."""
    rows = [np.asarray(row, np.float32).tolist() for row in samples]
    script = f"""async ([rows, rate]) => {{
      const sound = window.eddylineSound, samples = rows.map((row) => Float32Array.from(row));
      {body}
    }}"""
    return page.evaluate(script, [rows, rate])


def sine(hertz, seconds=1.0, rate=RATE, loud=0.5):
    return loud * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
@pytest.mark.parametrize("hertz", [70, 110, 220, 523.25, 880])
def test_pitch_of_a_tone(page, hertz, rate):
    wave = sine(hertz, 0.3, rate) + sine(2 * hertz, 0.3, rate, 0.3) + sine(3 * hertz, 0.3, rate, 0.2)
    found = called(page, "return sound.pitch(samples[0], rate, samples[0].length / 2)", [wave], rate)
    assert found == pytest.approx(hertz, rel=0.01)


def test_noise_and_silence_have_no_pitch(page):
    noise = 0.3 * np.random.default_rng(4).standard_normal(RATE)
    body = "return [0.3, 0.5, 0.7].map((at) => sound.pitch(samples[0], rate, at * samples[0].length))"
    assert called(page, body, [noise]) == [0, 0, 0]
    assert called(page, body, [np.zeros(RATE)]) == [0, 0, 0]


@pytest.mark.parametrize("rate", [24_000, 48_000])
def test_loudness_is_that_of_the_standard(page, rate):
    """EBU Tech 3341: a stereo sine of 1 kHz at -23 dBFS is -23 LUFS; one channel alone is 3 LU less."""
    wave = sine(1000, 3.0, rate, 10 ** (-23 / 20))
    body = "return sound.loudness(samples, rate)"
    assert called(page, body, [wave, wave], rate) == pytest.approx(-23.0, abs=0.1)
    assert called(page, body, [wave], rate) == pytest.approx(-26.0, abs=0.1)
    # Its gates: what is far below the rest does not count.
    quiet = np.concatenate([wave, np.zeros(5 * rate)])
    assert called(page, body, [quiet, quiet], rate) == pytest.approx(-23.0, abs=0.4)
    assert called(page, "return String(sound.loudness(samples, rate))", [np.zeros(rate)], rate) == "-Infinity"


def test_a_spectrum_has_its_top_where_the_tone_is(page):
    body = """
      const hertz = [500, 900, 1000, 1100, 2000], into = new Float32Array(5);
      sound.spectrum(samples[0], rate, samples[0].length / 2, hertz, into);
      return [...into];
    """
    levels = called(page, body, [sine(1000, 0.5, loud=1.0)])
    assert levels[2] == pytest.approx(0, abs=1.5) and max(levels) == levels[2]
    assert levels[0] < -40 and levels[4] < -40


def test_an_outline_holds_every_peak(page):
    wave = np.zeros(1000)
    wave[[0, 499, 999]] = [0.5, -0.75, 0.25]
    found = called(page, "const o = sound.outline(samples[0], 4); return [[...o.low], [...o.high]]", [wave])
    assert found == [[0, -0.75, 0, 0], [0.5, 0, 0, 0.25]]
    short = called(page, "return [...sound.outline(samples[0], 8).high]", [[0.25, 0.5]])
    assert short == [0.25] * 4 + [0.5] * 4  # fewer samples than columns


@pytest.mark.parametrize("rate", [16_000, 24_000, 44_100])
def test_what_is_written_is_decoded_bit_for_bit(page, rate):
    noise = np.random.default_rng(2).uniform(-1, 1, (2, 777)).astype(np.float32)
    body = """
      const blob = sound.wav(samples, rate, [{name: '_PMX', body: new Uint8Array(5)}]);
      const buffer = await sound.decode(await blob.arrayBuffer());
      return [buffer.sampleRate, ...[0, 1].map((c) => [...buffer.getChannelData(c)])];
    """
    found = called(page, body, noise, rate)
    assert found[0] == rate
    assert np.array_equal(np.array(found[1:], np.float32), noise)


def test_what_is_no_sound_is_refused_not_waited_for(page):
    with pytest.raises(Error, match="(?i)decod"):
        called(page, "await sound.decode(new ArrayBuffer(100))")


# An offline device renders exactly what a real one would play: pieces, seams and all.
RENDERED = """
  const deck = new sound.Deck(() => {}), length = samples.reduce((sum, row) => sum + row.length, 0);
  const context = new OfflineAudioContext(1, length + 4000, rate);
  const buffers = samples.map((row) => {
    const buffer = context.createBuffer(1, row.length, rate);
    buffer.copyToChannel(row, 0);
    return buffer;
  });
  const render = async () => [...(await context.startRendering()).getChannelData(0)];
"""


def pieces(*lengths):
    """Parts of one tone, cut wherever the lengths say."""
    wave = sine(441, sum(lengths) / RATE).astype(np.float32)
    return wave, np.split(wave, np.cumsum(lengths)[:-1])


def test_pieces_are_played_without_a_gap(page):
    whole, parts = pieces(5003, 4801, 7007)
    body = f"""{RENDERED}
      deck.load(buffers.slice(0, 1), {{growing: true}});
      deck.context = context;
      deck.playing = true;
      deck.start(0);
      context.suspend(0.05).then(() => {{ deck.add(buffers[1]); context.resume(); }});
      context.suspend(0.3).then(() => {{ deck.add(buffers[2]); context.resume(); }});
      return render();
    """
    heard = np.array(called(page, body, parts), np.float32)
    ahead, fade = 480, 192  # 20 ms until it begins, 8 ms to come up
    assert not heard[:ahead].any()
    assert np.array_equal(heard[ahead + fade : ahead + len(whole)], whole[fade:])


def test_a_piece_that_comes_late_is_played_from_its_beginning(page):
    whole, parts = pieces(4800, 4800)
    body = f"""{RENDERED}
      deck.load(buffers.slice(0, 1), {{growing: true}});
      deck.context = context;
      deck.playing = true;
      deck.start(0);
      context.suspend(0.3).then(() => {{ deck.late = deck.waiting; deck.add(buffers[1]); context.resume(); }});
      const heard = await render();
      return [deck.late, deck.place, heard];
    """
    waited, place, heard = called(page, body, parts)
    heard = np.array(heard, np.float32)
    start = int(np.ceil(0.3 * RATE / 128) * 128)  # a device works in blocks of 128 samples
    assert waited and place == pytest.approx(0.2)
    silent = heard[480 + 4800 : start + 480]
    assert not silent.any()
    assert np.array_equal(heard[start + 480 + 192 :][: 4800 - 192], whole[4800 + 192 :])


def test_the_finished_sound_takes_over_in_the_middle_of_a_wave(page):
    whole, parts = pieces(6000, 6000, 6000)
    body = f"""{RENDERED}
      const all = context.createBuffer(1, length, rate);
      samples.reduce((at, row) => {{ all.copyToChannel(row, 0, at); return at + row.length; }}, 0);
      deck.load(buffers, {{growing: true}});
      deck.context = context;
      deck.playing = true;
      deck.start(0);
      context.suspend(0.31).then(() => {{ deck.load([all], {{keep: true}}); context.resume(); }});
      return render();
    """
    heard = np.array(called(page, body, parts), np.float32)
    assert np.abs(heard[480 + 192 : 480 + len(whole)] - whole[192:]).max() < 1e-3


def test_a_part_is_cut_across_pieces(page):
    whole, parts = pieces(1000, 1000, 1000)
    body = f"{RENDERED} deck.load(buffers); return [...deck.cut(900 / rate, 2100 / rate)[0]]"
    assert np.array_equal(np.array(called(page, body, parts), np.float32), whole[900:2100])


@pytest.mark.parametrize("seconds, said", [(0, "0:00.0"), (9.96, "0:10.0"), (59.99, "1:00.0"), (75.25, "1:15.3")])
def test_times_as_a_person_reads_them(page, seconds, said):
    assert called(page, f"return sound.clock({seconds})") in (said, said.replace("15.3", "15.2"))
