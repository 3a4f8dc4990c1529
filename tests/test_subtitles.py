"""The words of a sound: kept in its file, carried from format to format, and written as subtitles."""

import json
import re

import numpy as np
import pytest
import soundfile
from samples import tone

from pipelines.errors import MediaError
from pipelines.media import Sound, Word
from pipelines.settings import SoundSettings, SpeechEditSettings, SpeechSettings
from studio.export import convert, formats_of, save
from studio.export.loading import load
from studio.export.subtitles import cues
from studio.exports import exported, titles
from studio.provenance import MAX_RECORD, read_settings, read_words
from studio.provenance.records import words_in

SPEECH = SpeechSettings(text="Good morning. A kite \u2014 red & <b>big</b>!", seed=7)
RATE = 24_000


def spoken(text, each=0.3, pause=0.35, start=0.1):
    """A sound in which every word of ``text`` takes ``each`` seconds, with a pause after each sentence."""
    words, at = [], start
    for word in text.split():
        words.append(Word(word, at, at + each))
        at += each + (pause if word[-1] in ".!?" else 0.05)
    noise = np.random.default_rng(1).uniform(-0.9, 0.9, (1, round(RATE * (at + 0.2)))).astype(np.float32)
    return Sound(noise, RATE, tuple(words))


def timed(count, each=0.3):
    return [Word(f"word{n}", n * each, (n + 1) * each) for n in range(count)]


# Kept words ----------------------------------------------------------------------------------------------------------


def test_a_wav_gives_back_every_sample_and_every_word(tmp_path):
    made = spoken(SPEECH.text, each=1 / 3)
    path = save(made, tmp_path / "it.wav", SPEECH)
    found = load(path)
    assert np.array_equal(found.samples, made.samples) and found.sample_rate == RATE
    assert found.words == made.words == read_words(path) == read_settings(path).words
    again = load(save(found, tmp_path / "again.wav", SPEECH))
    assert np.array_equal(again.samples, made.samples) and again.words == made.words
    assert read_settings(path).settings == SPEECH


@pytest.mark.parametrize("kind", formats_of("audio"), ids=lambda kind: kind.name)
def test_words_go_along_into_every_format(tmp_path, kind):
    made = spoken(SPEECH.text)
    path = convert(save(made, tmp_path / "it.wav", SPEECH), tmp_path / f"out{kind.suffixes[0]}")
    assert load(path).words == made.words and read_settings(path).settings == SPEECH


def test_the_longest_text_that_can_be_spoken_is_kept_with_its_words(tmp_path):
    text = "\U0001f431 " * 10_000
    settings = SpeechEditSettings(source_text=text, text=text, seed=1)
    words = tuple(Word("\U0001f431", n / 7, (n + 1) / 7) for n in range(10_000))
    made = Sound(np.zeros((1, 1500 * 1000), np.float32), 1000, words)
    path = save(made, tmp_path / "it.wav", settings)
    assert read_settings(path).settings == settings and read_words(path) == words
    assert path.stat().st_size < 4 * made.samples.size + MAX_RECORD


def test_a_sound_without_words_has_none(tmp_path):
    path = save(tone(), tmp_path / "it.wav", SoundSettings(prompt="rain", seed=1))
    assert load(path).words == () and "words" not in path.read_bytes().decode("latin-1")


def test_words_of_a_sound_that_was_cut_since_are_not_believed(tmp_path):
    made = spoken("One two three four.")
    cut = Sound(made.samples[:, : RATE // 2], RATE, made.words)
    assert load(save(cut, tmp_path / "it.wav", SPEECH)).words == ()


@pytest.mark.parametrize(
    "raw",
    [
        None, 7, "words", {"a": 1}, [1], [["a", 1]], [["a", "x", 2]], [["a", 2, 1]], [["a", -1, 2]],
        [["a", 0, float("inf")]], [["a", float("nan"), 1]], [["a", 5, 6], ["b", 1, 2]], [["a", 10**400, 1]],
    ],
)  # fmt: skip
def test_words_that_nobody_here_wrote_so_are_none(raw):
    assert words_in({"words": raw}) == ()


# Cues ----------------------------------------------------------------------------------------------------------------


def rules_hold(found, words, seconds):
    assert all(len(cue.lines) <= 2 and all(0 < len(line) <= 42 for line in cue.lines) for cue in found)
    assert all(0 <= cue.start < cue.end <= max(seconds, words[-1].end) for cue in found)
    assert all(cue.end - cue.start <= 7.0001 for cue in found)
    assert all(a.end <= b.start for a, b in zip(found, found[1:], strict=False))


@pytest.mark.parametrize("each", [0.08, 0.3, 1.5])
def test_every_word_stands_in_a_cue_once_and_the_rules_hold(each):
    text = (
        "The river turns round behind the rock. There, in the eddy, the water runs back up the hill, slowly at first, "
        "then as fast as it came down, and nobody who has not seen it would believe it. Mr. J. Brown did! "
        "He wrote 'it is so.' Then he went home and told no one"
    )
    made = spoken(text, each)
    found = cues(made.words, made.seconds)
    rules_hold(found, made.words, made.seconds)
    assert " ".join(line for cue in found for line in cue.lines) == text


def test_cues_end_with_sentences_but_not_with_titles():
    made = spoken("Dr. Smith left. 'Why?' she asked. \u201cNobody knows.\u201d Fine")
    said = [" ".join(cue.lines) for cue in cues(made.words, made.seconds)]
    assert said == ["Dr. Smith left.", "'Why?'", "she asked.", "\u201cNobody knows.\u201d", "Fine"]


def test_cues_end_at_a_pause():
    words = [Word("one", 0, 0.5), Word("two", 0.6, 1), Word("three", 1.7, 2)]
    assert [cue.lines for cue in cues(words, 3)] == [("one two",), ("three",)]


def test_a_long_sentence_is_cut_after_a_comma_near_its_middle():
    made = spoken("We went down to the water and looked for a boat, but there was none to be had for any money at all")
    assert cues(made.words, made.seconds)[0].lines[-1].endswith("boat,")


def test_a_short_cue_stays_long_enough_but_not_into_the_next():
    found = cues([Word("Hm.", 0, 0.2), Word("So.", 0.5, 0.7)], 5)
    assert [(cue.start, cue.end) for cue in found] == [(0, 0.5), (0.5, 1.5)]
    assert cues([Word("Hm.", 0, 0.2)], 0.4)[0].end == 0.4  # not beyond the sound either


def test_words_without_end_are_cut_to_lines_and_times_that_run_back_are_set_right():
    words = [Word("x" * 200, 0, 4), Word("a\nb\x00", 3, 2), Word("long", 4, 90)]
    found = cues(words, 100)
    rules_hold(found, words, 100)
    assert "".join(line for cue in found for line in cue.lines).replace(" ", "") == "x" * 200 + "ablong"


# Files ---------------------------------------------------------------------------------------------------------------


def test_srt_is_as_players_expect_it(tmp_path):
    path = convert(save(spoken(SPEECH.text), tmp_path / "it.wav", SPEECH), tmp_path / "it.srt")
    blocks = path.read_text("utf-8").split("\n\n")
    assert blocks[0] == "1\n00:00:00,100 --> 00:00:01,100\nGood morning."
    number, times, text = blocks[1].rstrip("\n").split("\n")
    assert number == "2" and re.fullmatch(r"00:00:01,100 --> \d\d:\d\d:\d\d,\d{3}", times)
    assert "<b>" not in text and text.replace("\u2060", "") == "A kite \u2014 red & <b>big</b>!"


def test_vtt_escapes_and_says_that_a_machine_made_it(tmp_path):
    hostile = spoken("<script>alert(1)</script> --> a & b.")
    text = save(hostile, tmp_path / "it.vtt", SPEECH).read_text("utf-8")
    assert text.startswith("WEBVTT\n\nNOTE DigitalSourceType: http") and "trainedAlgorithmicMedia\n\n00:00" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; --&gt; a &amp; b." in text
    assert text.count("-->") == 1


def test_no_words_in_srt_are_taken_for_its_own_signs(tmp_path):
    text = save(spoken("{\\an8}up --> <i>down."), tmp_path / "it.srt", SPEECH).read_text("utf-8")
    assert text.count("-->") == 1 and "{\\" not in text and "<i" not in text


def test_ffmpeg_reads_both_alike(tmp_path):
    import av

    made = spoken("Good morning. The kite is red, and it is big, and it flies over the hill and the town!")
    read = {}
    for ending in ("srt", "vtt"):
        path = save(made, tmp_path / f"it.{ending}", SPEECH)
        with av.open(str(path)) as file:
            packets = [packet for packet in file.demux() if packet.size]
            read[ending] = [(float(p.pts * p.time_base), float(p.duration * p.time_base), bytes(p)) for p in packets]
    expected = cues(made.words, made.seconds)
    assert read["srt"] == read["vtt"]
    assert [text.decode().split("\n") for *_, text in read["srt"]] == [list(cue.lines) for cue in expected]
    assert [start for start, *_ in read["srt"]] == pytest.approx([cue.start for cue in expected], abs=0.001)


@pytest.mark.parametrize("ending", [".srt", ".vtt"])
def test_without_words_there_are_no_subtitles_and_it_is_said(tmp_path, ending):
    path = save(tone(), tmp_path / "it.wav", SoundSettings(prompt="rain", seed=1))
    with pytest.raises(MediaError, match="not known what is said in this sound"):
        convert(path, tmp_path / f"it{ending}")
    assert not (tmp_path / f"it{ending}").exists()


def test_the_page_offers_subtitles_only_of_what_has_words(tmp_path):
    spoke = save(spoken(SPEECH.text), tmp_path / "a.wav", SPEECH)
    rain = save(tone(), tmp_path / "b.wav", SoundSettings(prompt="rain", seed=1))
    sounds = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}
    assert titles("audio") == titles("audio", rain) == sounds
    assert titles("audio", spoke) == {**sounds, ".srt": "SRT", ".vtt": "WebVTT"}
    made = exported(tmp_path, spoke, ".SRT")
    assert made.suffix == ".srt" and "Good morning." in made.read_text("utf-8")
    with pytest.raises(MediaError, match="not known what is said"):
        exported(tmp_path, rain, ".vtt")


def test_another_program_still_reads_a_wav_with_words(tmp_path):
    path = save(spoken(SPEECH.text), tmp_path / "it.wav", SPEECH)
    samples, rate = soundfile.read(path, dtype="float32")
    assert rate == RATE and len(samples) == load(path).samples.shape[1]
    with soundfile.SoundFile(path) as file:
        assert json.loads(file.comment)["words"][0][0] == "Good"
