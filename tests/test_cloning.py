"""Voices cloned from the command line, by programs and from the list of models; the page has a file of its own."""

import inspect
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_f5
from gradio_client import Client, handle_file
from pages import WARNINGS, free_port
from typed import ran

from pipelines.checkpoints import f5tts, fetching, find, named
from pipelines.errors import ModelError, SettingsError
from pipelines.settings import SoundSettings, SpeechEditSettings, SpeechSettings
from studio import api, choosing, ui
from studio.jobs.runner import Runner
from studio.provenance import read_settings, read_words

pytestmark = WARNINGS
HERE = Path(__file__).parent
SAID = "The cat sat on the mat."


def recording(path, seconds=2.0):
    at = np.arange(round(seconds * 24_000)) / 24_000
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 140 * at) * (1 + 0.5 * np.sin(2 * np.pi * 4 * at)), 24_000)
    return path


def test_a_command_speaks_in_the_voice_of_a_recording_and_edits_one(home):
    model, voice = tiny_f5.save(home), home / "voice.wav"
    assert ran("generate", "speech", "--text", SAID, "--seed", 1, "--out", voice).exit_code == 0  # by the starter
    asked = ["--model", model, "--steps", 1, "--seed", 5]
    out = home / "said.wav"
    done = ran("generate", "speech", "--text", SAID, *asked, "--voice-from", voice, "--voice-words", "Some words",
               "--out", out, "--subtitles", home / "said.srt")  # fmt: skip
    assert done.exit_code == 0, done.output
    settings = read_settings(out).settings
    # Of a folder its name alone, and what its makers recommend where nothing else was asked for.
    assert (settings.model, settings.steps, settings.guidance, settings.schedule) == ("F5TTS_v1_Base", 1, 3.0, "model")
    assert [word.text for word in read_words(out)] == SAID.split() and "The cat" in (home / "said.srt").read_text()
    nothing = ran("generate", "speech", "--text", SAID, *asked, "--out", home / "no.wav")
    assert nothing.exit_code == 2 and "voice_from: is missing" in nothing.output
    planned = ran("generate", "speech", "--text", SAID, "--model", model, "--plan")
    assert planned.exit_code == 0 and "F5TTS_v1_Base (f5-tts)" in planned.output
    edited = home / "edited.wav"
    done = ran(
        "edit", "speech", voice, "--source-text", SAID, "--text", "The dog sat on the mat.", *asked, "--out", edited
    )
    assert done.exit_code == 0, done.output
    before, after = (soundfile.read(path)[0] for path in (voice, edited))
    assert np.array_equal(before[:2400], after[:2400]) and np.array_equal(before[-9600:], after[-9600:])
    assert [word.text for word in read_words(edited)] == "The dog sat on the mat.".split()
    kept = read_settings(edited).settings
    assert (kept.solver, kept.guidance, kept.steps) == ("euler", 3.0, 1)


def test_models_of_sounds_and_of_speech_are_told_apart(home):
    folder = tiny_f5.save(home)
    named.add(named.Named("Mine", str(folder), "audio"))
    named.add(named.Named("Gone", str(home / "gone"), "audio"))
    assert set(choosing.ready("audio", "speech")) == {"Mine", "Gone"} and choosing.ready("audio", "sound") == {
        "Gone": "Gone"
    }
    assert ("Mine", "Mine") in choosing.choices(SpeechSettings, {"speech": "Starter"})
    choosing.usable(SpeechSettings(text=SAID, model="Mine"))
    choosing.usable(SpeechEditSettings(source_text=SAID, text="The dog.", model="Mine"))
    for settings, said in (
        (SoundSettings(prompt="rain", model="Mine"), "'Mine' makes speech, not sound; there is: sound"),
        (SoundSettings(prompt="rain", model="speech"), "'speech' makes speech, not sound"),
        (SpeechSettings(text=SAID, model="sound"), "'sound' makes sound, not speech; there is: speech, hibari"),
        (SpeechSettings(text=SAID, model="ace-step-1.5"), "'ace-step-1.5' makes sound, not speech"),
        (SpeechSettings(text=SAID, model=str(folder)), "cannot be used here"),
    ):
        with pytest.raises(ModelError, match="^model: .*" + said.replace(".", r"\.")):
            choosing.usable(settings)
    with pytest.raises(ModelError, match="makes speech, not sound"):
        list(Runner().run(SoundSettings(prompt="rain", model=str(folder)), {}))


def test_a_starter_clones_no_voice(home):
    with pytest.raises(SettingsError, match="^voice_from: the model 'speech' clones no voice; choose a checkpoint"):
        list(Runner().run(SpeechSettings(text=SAID), {"voice_from": recording(home / "voice.wav")}))


def test_programs_give_the_recording_beside_the_settings():
    parameters = inspect.signature(api.endpoint(None, SpeechSettings)).parameters
    assert parameters["voice_from"].default is None and parameters["voice_words"].default == ""
    assert parameters["model"].annotation is str and api.MEDIA["voice_from"] == "audio"


def test_only_its_weights_and_its_vocabulary_are_fetched(home, monkeypatch):
    from pipelines.checkpoints import licences

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with pytest.raises(ModelError, match=r"CC-BY-NC-4\.0 \(weights\) \(no commercial use\)"):
        fetching.fetch(find("f5-tts"))
    licences.accept(find("f5-tts"))
    names = [*f5tts.WANTED, "F5TTS_Base/model_1200000.safetensors",
             "F5TTS_v1_Base/model_1250000.pt", "README.md"]  # fmt: skip
    taken = []

    class Hub:
        class HfApi:
            def model_info(self, repo, **asked):
                from types import SimpleNamespace as Each

                return Each(sha="abc", siblings=[Each(rfilename=name, size=10, lfs=None) for name in names])

        @staticmethod
        def snapshot_download(repo, revision, allow_patterns):
            taken.extend(allow_patterns)
            folder = home / "hub" / "models--SWivid--F5-TTS" / "snapshots" / revision
            shutil.copytree(tiny_f5.save(home / "new"), folder / "F5TTS_v1_Base")
            return str(folder)

    monkeypatch.setattr(fetching, "_asked", lambda found, work: work(Hub))
    made = fetching.fetch(find("f5-tts"))
    assert sorted(taken) == sorted(names[:2]) and made.family == "f5-tts"
    assert find("f5-tts").folder == made.folder and choosing.ready("audio", "speech") == {"f5-tts": "F5-TTS"}


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed):
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PAUSE", "EDDYLINE_HOME")}
    home = tmp_path_factory.mktemp("home")
    path = os.pathsep.join([str(HERE), str(HERE.parent)])
    os.environ |= {"PYTHONPATH": path, "PAUSE": "0.03", "EDDYLINE_HOME": str(home)}
    named.add(named.Named("Mine", str(tiny_f5.save(tmp_path_factory.mktemp("model"))), "audio"))
    served = ui.start("127.0.0.1", free_port(), home=home, runner="fake_sounds:Talker")
    yield served
    served.close()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


def test_a_program_clones_with_what_the_makers_recommend(served, tmp_path):
    client = Client(served.address, verbose=False)
    voice = handle_file(recording(tmp_path / "voice.wav"))
    asked = {"voice_from": voice, "text": SAID, "voice_words": "Some words", "seed": 5}
    made = client.predict(**asked, model="Mine", api_name="/speech_generate")["settings"]
    assert (made["steps"], made["guidance"], made["solver"], made["schedule"]) == (32, 3.0, "euler", "model")
    made = client.predict(**asked, model="Mine", steps=20, api_name="/speech_generate")
    parents = served.shop.library.parents(made["files"][0]["id"], "")
    assert made["settings"]["steps"] == 20 and [role for role, _ in parents] == ["voice_from"]
    made = client.predict(text=SAID, seed=5, api_name="/speech_generate")["settings"]  # the starter, as ever
    assert (made["steps"], made["guidance"], made["solver"]) == (8, 1, "ab2")
    (tmp_path / "text.wav").write_text("not a sound at all")
    with pytest.raises(Exception, match="text.wav"):
        client.predict(
            voice_from=handle_file(tmp_path / "text.wav"), text=SAID, model="Mine", api_name="/speech_generate"
        )
    client.close()
