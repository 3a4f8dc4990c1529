"""F5-TTS: numbers that its own package gave, its files, voices that are cloned, and recordings that are edited."""

from dataclasses import replace

import numpy as np
import pytest
import tiny_f5
import torch
from safetensors.torch import load_file, save_file
from speech.voices import tiny_pipeline

from pipelines.checkpoints import f5tts, find, plan
from pipelines.checkpoints.found import check, weights_of
from pipelines.checkpoints.recommended import recommended
from pipelines.codecs.mel import HOP, SAMPLE_RATE, mel
from pipelines.errors import MediaError, ModelError, SettingsError
from pipelines.events import Done, Note, Piece, Progress
from pipelines.flow import conditioned, guided, noise, solve
from pipelines.flow.rules import ALF, EULER, to_fixed
from pipelines.media import Sound, Word
from pipelines.models.f5tts import Characters, load_f5, written_out
from pipelines.models.f5tts.model import levels
from pipelines.pretrained.speech import PretrainedSpeech
from pipelines.pretrained.stretches import frames_for, parts_of
from pipelines.pretrained.voice import LONGEST, Voice, voice_of
from pipelines.reading.figures import without_figures
from pipelines.settings import SpeechEditSettings, SpeechSettings

# What f5-tts 1.1.22 answers with these weights: network told and not told, then 16 steps of its own sampling.
THEIRS = {
    "v1": (
        ([0.82927, 1.6192, 0.48558, 1.67206], 1.18564),
        ([0.79272, 1.48707, 0.56942, 1.23257], 1.17293),
        ([0.95229, 0.59767, 0.78442], 1.41028),
    ),
    "v0": (
        ([0.41777, 1.25839, 0.79906, 1.79541], 1.22813),
        ([0.84213, 1.17868, 0.67965, 1.30364], 1.24229),
        ([0.64763, 0.39486, 0.96135], 1.43062),
    ),
}
SAID = "The cat sat on the mat."
ASKED = {"model": "f5-tts", "seed": 3, "steps": 2, "voice_words": "Some words", "guidance": 2.0, "solver": "euler"}


def speech(seconds, rate=SAMPLE_RATE, quiet=()):
    """A sound like a voice, with pauses at the seconds ``quiet``."""
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.2 * np.sin(2 * np.pi * 140 * time) * (1 + 0.5 * np.sin(2 * np.pi * 4 * time))
    for place in quiet:
        wave[(time > place - 0.2) & (time < place + 0.2)] = 0
    return Sound(wave.astype(np.float32)[None], rate)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tiny_f5.save(tmp_path_factory.mktemp("f5"))


@pytest.fixture(scope="module")
def speaker(folder):
    return PretrainedSpeech(load_f5(folder), tiny_pipeline(), lambda sound: (Word("Heard", 0, 1), Word("words", 1, 2)))


def asked(speaker, recording=None, **changes):
    return list(speaker.generate(SpeechSettings(**{"text": SAID, **ASKED, **changes}), recording or speech(2)))


@pytest.mark.parametrize("version", ["v1", "v0"])
def test_it_answers_and_samples_as_its_own_package_does(tmp_path, version):
    model = load_f5(tiny_f5.save(tmp_path, version))
    x, known = (4 * tiny_f5.values((2, 40, 100), place).transpose(1, 2) for place in (901, 902))
    known[..., 25:] = 0
    ids, odd = model.characters.ids("Hello there.")
    assert not odd
    rows, frames, bands = [0, 0, 1, 1], [0, 30, 12, 39], [0, 99, 50, 7]
    for told, (some, size) in zip((True, False), THEIRS[version], strict=False):
        condition = model.join([model.encode(ids, known[row : row + 1], told) for row in (0, 1)])
        flow = -model.velocity(x, torch.tensor([0.7, 0.2]), condition)
        assert flow[rows, bands, frames].tolist() == pytest.approx(some, abs=2e-5)
        assert float(flow.square().mean().sqrt()) == pytest.approx(size, abs=2e-5)
    some, size = THEIRS[version][2]
    sides = [conditioned(model, model.encode(ids, known[:1], told)) for told in (True, False)]
    start = 5 * tiny_f5.values((40, 100), 903).T[None]
    *_, last = solve(guided(*sides, 3.0), start, levels(16), EULER)
    made = last.state.value.float()[0]
    assert made[[0, 99, 7], [26, 30, 39]].tolist() == pytest.approx(some, abs=1e-4)
    assert float(made[:, 25:].square().mean().sqrt()) == pytest.approx(size, abs=1e-4)


def test_turned_back_and_sampled_again_it_is_the_same_bit_for_bit(folder):
    model = load_f5(folder)
    data = torch.randn(1, 100, 30, generator=torch.Generator().manual_seed(1))
    ids, _ = model.characters.ids("Hello")
    velocity = conditioned(model, model.encode(ids, torch.zeros(1, 100, 30)))
    *_, there = solve(velocity, data, levels(8).flip(0), ALF)
    *_, back = solve(velocity, there.state, levels(8), ALF)
    assert torch.equal(back.state.x, to_fixed(data)) and not torch.equal(there.state.x, to_fixed(data))
    *_, far = solve(velocity, data, levels(8).flip(0), EULER)
    *_, near = solve(velocity, far.state.value, levels(8), EULER)
    assert (near.state.value.float() - data).abs().max() > 1e-3


def test_its_values_can_be_shared(folder):
    model = load_f5(folder)
    x, seen = noise((100, 20), [1]), []

    def tap(site, values):
        seen.append((site, tuple(values.shape)))
        return values

    condition = model.encode([1, 2], torch.zeros(1, 100, 20))
    plain, tapped = (model.velocity(x, torch.tensor([0.5]), condition, each) for each in (None, tap))
    assert torch.equal(plain, tapped) and seen == [(0, model.value_shape(x)), (1, model.value_shape(x))]
    zero = model.velocity(x, torch.tensor([0.5]), condition, lambda site, values: 0 * values)
    assert not torch.allclose(zero, plain) and [site.index for site in model.sites] == [0, 1]


def test_it_computes_in_16_bits_too(folder):
    x = noise((100, 20), [1])
    flows = []
    for dtype in (torch.float32, torch.bfloat16):
        model = load_f5(folder, dtype=dtype)
        assert model.value_dtype == dtype
        flows.append(model.velocity(x, torch.tensor([0.5]), model.encode([1, 2, 3], torch.zeros(1, 100, 20))))
    assert flows[1].dtype == torch.float32 and 0 < float((flows[0] - flows[1]).abs().max()) < 0.1


def test_letters_are_written_as_it_learned_them():
    assert "".join(written_out("Dr.Brown's well-known  “cat” paid $3.50; fine...")) == (
        'Dr.Brown\'s well-known "cat" paid $ 3.50, fine ...'
    )
    assert "".join(written_out("résumé, 10,000")) == "r é sum é, 10, 000".replace("r é", "ré").replace("m é", "mé")
    with_text = Characters(tiny_f5.ENTRIES)
    assert with_text.ids("a★b")[1] == ("★",) and len(with_text.ids("a★b")[0]) == 2
    with pytest.raises(SettingsError, match=r"^text: the model does not know д, о, м \(Cyrillic\); write it in"):
        with_text.ids("дом")


def test_chinese_is_read_in_syllables_or_says_what_that_needs(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "rjieba", None)
    with pytest.raises(SettingsError, match=r"Chinese needs the packages of the extra 'chinese'"):
        written_out("中国")
    monkeypatch.undo()
    pytest.importorskip("rjieba")
    assert written_out("中国") == [" ", "zhong1", " ", "guo2"]


def test_figures_become_words():
    assert without_figures("In 1998 he paid  $3.50 for 12 apples.") == (
        "In nineteen ninety-eight he paid three dollars and fifty cents for twelve apples."
    )
    assert without_figures("It is 5% of 1,234, on the 3rd.") == (
        "It is five percent of one thousand two hundred and thirty-four, on the third."
    )
    assert without_figures("No  figures, Dr. Brown.") == "No figures, Dr. Brown."


def test_a_folder_is_found_counted_and_recommends(folder, tmp_path):
    for name in (folder, folder.parent):  # itself, or the folder of the whole repository
        found = find(str(name))
        assert found.family == f5tts.FAMILY and found.known.medium == "audio" and found.known.subject == "speech"
        check(name)
    size = (folder / "model_1250000.safetensors").stat().st_size
    assert weights_of(folder) == {"transformer": size} and plan(found).parts["transformer"] == pytest.approx(size)
    assert "vocoder" in " ".join(plan(found).lines())
    made, edited = (recommended(str(folder), task, folders=True) for task in ("generate", "edit"))
    for each in (made, edited):
        assert (each["steps"], each["guidance"], each["solver"], each["schedule"]) == (32, 3.0, "euler", "model")
    assert set(f5tts.WANTED) == {"F5TTS_v1_Base/model_1250000.safetensors", "F5TTS_v1_Base/vocab.txt"}


def test_what_is_amiss_in_a_folder_is_said(folder, tmp_path):
    def refused(work=check):
        with pytest.raises(ModelError) as error:
            work(place)
        return str(error.value)

    place = tmp_path / "F5TTS_Base"
    place.mkdir()
    (place / "vocab.txt").write_text(" \na\n")
    assert "holds no weights (*.safetensors)" in refused()
    (place / "model_1200000.pt").write_bytes(b"\x80")
    assert "F5TTS_Base/model_1200000.pt is a pickle, which can run code" in refused()
    held = load_file(folder / "model_1250000.safetensors")
    save_file(held, place / "model_1.safetensors")
    check(place)
    assert "vocab.txt has 2 entries and model_1.safetensors was trained on 98" in refused(load_f5)
    (place / "vocab.txt").write_text("a\n")
    assert "must begin with a space" in refused(load_f5)
    (place / "vocab.txt").unlink()
    assert "vocab.txt is missing in 'F5TTS_Base'" in refused()
    (place / "vocab.txt").write_bytes((folder / "vocab.txt").read_bytes())
    save_file({"ema_model.transformer.layers.0.weight": torch.ones(2)}, place / "model_1.safetensors")
    assert "holds no network of F5-TTS" in refused(load_f5)
    save_file({**held, "ema_model.transformer.more.weight": torch.ones(2)}, place / "model_1.safetensors")
    assert "does not fit F5-TTS (for example more.weight)" in refused(load_f5)
    (place / "model_1.safetensors").write_bytes(b"torn")
    assert "model_1.safetensors of 'F5TTS_Base' is damaged" in refused(load_f5)
    save_file(held, place / "model_2.safetensors")
    assert "holds several files of weights (model_1.safetensors, model_2.safetensors)" in refused()
    place = place.rename(tmp_path / "mine")
    (place / "model_1.safetensors").unlink()
    assert "nothing says which F5-TTS lies in 'mine'" in refused()
    (place / "some.yaml").write_text("model:\n  arch: {pe_attn_head: 1, text_mask_padding: False}\n")
    assert f5tts.version_of(place) == "v0" and load_f5(place).network.config.rotated == 1
    (place / "some.yaml").write_text("model:\n  arch: {pe_attn_head: null, text_mask_padding: True}\n")
    assert f5tts.version_of(place) == "v1"


def test_a_text_is_read_in_the_voice_part_by_part(speaker):
    text = "The cat sat on the mat. " * 3
    *events, done = asked(speaker, speech(11), text=text, pause=0.5, voice_words="Some words, said slowly", speed=2)
    pieces = [each.item for each in events if isinstance(each, Piece)]
    assert isinstance(done, Done) and done.seeds == (3,) and len(pieces) > 1
    assert done.calls == 4 * len(pieces)  # two steps, guided
    said = done.items[0]
    assert said.sample_rate == SAMPLE_RATE and said.samples.shape[1] == sum(each.samples.shape[1] for each in pieces)
    assert [word.text for word in said.words] == text.split()
    ends = [word.end for word in said.words]
    assert ends == sorted(ends) and ends[-1] <= said.seconds
    assert [each.done for each in events if isinstance(each, Progress)][-1] == 100
    first, again, other = (asked(speaker, seed=seed)[-1].items[0].samples for seed in (3, 3, 4))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


def test_of_several_takes_the_one_that_is_heard_best_is_kept(speaker):
    one, three = (asked(speaker, takes=count)[-1] for count in (1, 3))
    assert three.calls == one.calls  # together in one batch
    # The aligner that is told hears all alike: the first stays.
    alone, chosen = one.items[0].samples, three.items[0].samples  # a batch is rounded otherwise than one alone
    assert np.square(alone - chosen).mean() < 1e-2 * np.square(alone).mean()

    class Third:
        def align(self, latent, symbols):
            found = tiny_pipeline().aligner.align(latent, symbols)
            self.count = getattr(self, "count", 0) + 1
            return replace(found, scores=(-0.1,) * len(symbols)) if self.count == 3 else found

    picky = PretrainedSpeech(speaker.model, tiny_pipeline(), speaker.hear)
    picky.starter.aligner = Third()
    other = asked(picky, takes=3, voice_words="")[-1].items[0]
    assert np.abs(other.samples - one.items[0].samples[:, : other.samples.shape[1]]).max() > 0.01


def test_closing_it_stops_and_leaves_it_usable(speaker):
    run = speaker.generate(SpeechSettings(text=SAID, **{**ASKED, "steps": 50}), speech(2))
    assert any(isinstance(next(run), Progress) for _ in range(3))
    run.close()
    assert isinstance(asked(speaker)[-1], Done)


def test_what_is_wrong_with_a_voice_is_said(speaker):
    def refused(recording, **changes):
        with pytest.raises((SettingsError, MediaError)) as error:
            asked(speaker, recording, **changes)
        return str(error.value)

    with pytest.raises(SettingsError, match=r"^voice_from: is missing; .* give one of 1 to 12 s"):
        next(speaker.generate(SpeechSettings(text=SAID, **ASKED)))
    assert "the recording is silent" in refused(Sound(np.zeros((1, 48000), np.float32), SAMPLE_RATE))
    assert "0.5 s of speech are too short" in refused(speech(0.5))
    assert "does not know д" in refused(speech(2), text="дом")


def test_words_are_heard_where_none_are_typed_and_long_recordings_are_cut_at_a_pause(speaker):
    notes = [each.text for each in asked(speaker, speech(20, 16000, quiet=(7.5, 9.5, 13)), voice_words="")
             if isinstance(each, Note)]  # fmt: skip
    assert notes == [
        "The recording is 20 s long, the model takes 12 s: its first 9.5 s are used, up to a pause.",
        "Heard in the recording: “Heard words” If that is not what it says, type its words.",
    ]
    aligner = tiny_pipeline().aligner
    voice = voice_of(speech(20, quiet=(9.5,)), "one two three four five six seven eight", aligner, lambda sound: ())
    assert voice.text == "one two three four. " and voice.seconds < LONGEST  # those that end before the pause
    unsure = tiny_pipeline(score=-5).aligner
    with pytest.raises(MediaError, match="which of the typed words lie in its first 12 s cannot be told; cut it"):
        voice_of(speech(20, quiet=(9.5,)), "one two three", unsure, lambda sound: ())
    assert "do not sound like the recording" in voice_of(speech(3), "one two", unsure, lambda sound: ()).notes[0]


def test_its_frames_are_those_of_its_own_definition():
    librosa = pytest.importorskip("librosa")
    wave = torch.randn(1, 9600, generator=torch.Generator().manual_seed(2)) * 0.1
    # Frames of the package are centred half a hop earlier; whatever the recording, its first half hop is cut off.
    later = torch.nn.functional.pad(wave[:, HOP // 2 :], (0, HOP // 2))
    spectrum = torch.stft(later, 1024, HOP, 1024, torch.hann_window(1024), center=True, return_complex=True).abs()
    bank = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=1024, n_mels=100, htk=True, norm=None)
    theirs = (torch.from_numpy(bank).float() @ spectrum).clamp(min=1e-5).log()
    ours = mel(wave) * 3.5 - 4
    torch.testing.assert_close(ours[..., 4:-4], theirs[..., 4 : ours.shape[-1] - 4], atol=1e-5, rtol=0)


def test_parts_fit_beside_the_voice():
    voice = Voice(torch.zeros(1, 100, 938), "x" * 150 + " ")  # ten seconds, 15 letters each
    text = "One short sentence, with a clause; and another! " * 12
    parts = parts_of(text, voice, 1.0)
    assert " ".join(parts) == text.strip() and all(len(part) <= 182 and part[-1] in ",;!" for part in parts)
    assert all(len(part) <= 91 for part in parts_of(text, voice, 0.5)) and len(parts_of("word " * 200, voice, 1.0)) > 4
    assert frames_for("y" * 75, voice, 1.0) == int(938 / 151 * 75) and frames_for("y" * 75, voice, 2.0) == 232
    assert frames_for("yes", voice, 1.0) == int(938 / 151 * 3 / 0.3)  # short words get time


def edited(speaker, source, text, **changes):
    asked = {"source_text": SAID, "text": text, **ASKED, **changes}
    asked.pop("voice_words")
    *_, done = speaker.edit(SpeechEditSettings(**asked), source)
    return done


def test_a_recording_is_changed_and_stays_the_same_outside(speaker):
    source = speech(3, 44100)
    done = edited(speaker, source, "The dog sat on the mat.")
    made = done.items[0]
    assert made.sample_rate == 44100 and done.calls == 4
    assert [word.text for word in made.words] == "The dog sat on the mat.".split()
    half = source.samples.shape[1] // 2
    changed = np.flatnonzero(made.samples[0, :half] != source.samples[0, :half])
    assert changed[0] > 1000 and np.array_equal(made.samples[0, -44100:], source.samples[0, -44100:])
    cut = edited(speaker, source, "The cat sat.").items[0]
    assert cut.seconds < source.seconds
    with pytest.raises(SettingsError, match="^text: "):
        edited(speaker, source, SAID)


def test_of_a_long_recording_only_stretches_around_the_changes_are_shown(speaker):
    words = " ".join(["One two three four five six seven eight nine ten."] * 5)
    source = speech(60)
    new = words.split()
    new[3], new[44] = "dog", "cat"
    done = edited(speaker, source, " ".join(new), source_text=words)
    assert done.calls == 8 and [word.text for word in done.items[0].words] == new  # two stretches
    middle = slice(round(25 * SAMPLE_RATE), round(30 * SAMPLE_RATE))
    moved = done.items[0].samples.shape[1] - source.samples.shape[1]
    assert any(
        np.array_equal(done.items[0].samples[:, middle.start + shift : middle.stop + shift], source.samples[:, middle])
        for shift in range(-abs(moved) - 40 * HOP, abs(moved) + 40 * HOP)
    )
    with pytest.raises(SettingsError, match=r"s would be spoken anew in one place, at most 22 s can be"):
        edited(speaker, source, "One " + "red blue green " * 40 + "ten.", source_text=words)
