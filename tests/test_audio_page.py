"""The audio tab in a real browser, with a runner that needs no model: heard while it is made, read, cut, edited."""

import io
import os
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from fake_sounds import RATE, WORD, joined, note, sentence
from pages import WARNINGS, free_port
from playwright.sync_api import expect

from pipelines.settings import SoundEditSettings, SoundSettings, SpeechEditSettings, SpeechSettings
from studio import runs, ui
from studio.export import save
from studio.export.loading import load
from studio.provenance import read_settings, read_words

pytestmark = [pytest.mark.usefixtures("loops_closed"), *WARNINGS]
HERE = Path(__file__).parent
SAID = "The cat sat on the mat. The river turns round."
HOSTILE = """<img src=x onerror="document.title='owned'"> steady rain"""
# What the player on the stage is doing.
STATE = """() => {
  const {deck, words, live, side, mark, sides} = document.querySelector('eddy-sound[data-where=stage]').player;
  const context = deck.context?.state;
  return {now: deck.now, seconds: deck.seconds, playing: deck.playing, waiting: deck.waiting, live, side, mark, context,
          sides: Object.keys(sides), words: words.list.length, word: words.now, repeat: deck.repeat};
}"""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """Examples of every kind, and one that is damaged."""
    folder = tmp_path_factory.mktemp("assets") / "examples"
    spoken = joined([sentence("The cat sat on the mat."), sentence("The river turns round.")])
    save(spoken, folder / "audio-3-cat.wav", SpeechSettings(text=SAID, seed=5, voice="rms"))
    edit = SoundEditSettings(source_prompt="piano", prompt="strings", seed=6, strength=0.35)
    save(note(220, 2.0), folder / "audio-2-strings.wav", edit)
    save(note(330, 2.0), folder / "audio-2-strings.before.wav", SoundSettings(prompt="piano", seed=6))
    (folder / "audio-1-damaged.wav").write_bytes(b"not a sound")
    return folder.parent


@pytest.fixture(scope="module")
def served(tmp_path_factory, loops_closed, shipped):
    before = {name: os.environ.get(name) for name in ("PYTHONPATH", "PAUSE")}
    os.environ |= {"PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent)]), "PAUSE": "0.03"}
    usual, runs.assets = runs.assets, lambda: shipped
    served = ui.start("127.0.0.1", free_port(), home=tmp_path_factory.mktemp("home"), runner="fake_sounds:Talker")
    yield served
    served.close()
    runs.assets = usual
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def address(served):
    """The page, with an empty library and an empty queue behind it."""
    jobs, library = served.shop.jobs, served.shop.library
    for job in jobs.list("", ("running", "queued"), 1000):
        jobs.cancel(job.id, "")
    until(lambda: not jobs.list("", ("running", "queued")))
    jobs.forget("")
    library.delete([asset.id for asset in library.search("", limit=1000).assets], "")
    library.purge("", days=0)
    return served.address


@pytest.fixture
def audio(visit):
    """Opens the page at the audio tab; at the end the console must be empty of errors."""
    wrong = []

    def open_tab(*size, mode=None, **options):
        page = visit(*size, **options)
        page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        tab(page, "Audio")
        page.locator("eddy-sound[data-where=stage] .scope[data-drawn]").wait_for()
        if mode:
            page.get_by_role("tab", name=mode).click()
        return page

    yield open_tab
    assert wrong == []


def until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def tab(page, name):
    page.locator(".media > .tab-wrapper").get_by_role("tab", name=name).click()


def state(page):
    return page.evaluate(STATE)


def when(page, condition, timeout=30_000):
    page.wait_for_function(f"() => {{ const s = ({STATE})(); return {condition}; }}", timeout=timeout)


def stage(page):
    return page.locator("eddy-sound[data-where=stage]")


def shown(page, selector):
    return page.locator(selector).locator("visible=true").first


def speak(page, text):
    shown(page, ".field-text textarea").fill(text)
    page.get_by_role("button", name="Speak it", exact=True).click()


def finished(page, name="Speak it"):
    page.get_by_role("button", name=name, exact=True).wait_for()


def dropped(page, path):
    shown(page, ".recorder input[type=file]").set_input_files(path)
    expect(shown(page, ".recorder .name")).to_have_text(path.name)
    shown(page, ".recorder .scope[data-drawn]").wait_for()


def dragged(page, scope, start, end):
    """Drag over a part of a waveform, as fractions of its width."""
    scope.scroll_into_view_if_needed()
    box = scope.bounding_box()
    page.mouse.move(box["x"] + box["width"] * start, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (start + end) / 2, box["y"] + 30)
    page.mouse.move(box["x"] + box["width"] * end, box["y"] + 20, steps=3)
    page.mouse.up()


# First sight ---------------------------------------------------------------------------------------------------------


def test_first_sight_shows_the_newest_example_with_its_words_drawn_and_measured(audio):
    page = audio()
    expect(shown(page, ".badge")).to_have_text("Example")
    expect(shown(page, ".words")).to_have_text(SAID)
    assert stage(page).locator(".word").all_inner_texts() == SAID.split()
    assert state(page)["seconds"] == pytest.approx(10 * WORD + 2 * 0.35)
    assert stage(page).locator(".scope").get_attribute("data-drawn") == "waveform spectrogram pitch"
    expect(stage(page).locator(".about")).to_contain_text(re.compile(r"24 kHz · mono · −\d\d\.\d LUFS"))
    expect(shown(page, ".facts")).to_contain_text("4.7 s long")
    expect(shown(page, ".knows")).to_have_text("Starter: five English voices; no cloning.")
    assert page.locator(".strip .tiles").locator("visible=true").locator("button").count() == 2
    for image in page.locator(".strip").locator("visible=true").locator("img").all():
        page.wait_for_function("image => image.complete && image.naturalWidth > 50", arg=image.element_handle())
    assert "data:audio" not in page.content()


def test_three_starting_points_in_every_mode(audio):
    page = audio()
    for mode, field in (
        ("Speak", ".field-text textarea"), ("Edit speech", ".field-text textarea"),
        ("Make sound", ".field-prompt textarea"), ("Edit sound", ".field-prompt textarea"),
    ):  # fmt: skip
        page.get_by_role("tab", name=mode).click()
        starts = page.locator(".fields > .starts").locator("visible=true").locator("button")
        assert starts.count() == 3
        starts.nth(1).click()
        expect(shown(page, field)).not_to_have_value("")


def test_what_is_drawn_is_right_and_stays_as_it_was_chosen(audio):
    page = audio()
    pitch = page.evaluate("document.querySelector('eddy-sound[data-where=stage]').player.drawn.pitch")
    moments = (np.arange(len(pitch)) + 0.5) / len(pitch) * (10 * WORD + 0.7)
    heard = np.array(pitch)
    for word in range(3):
        inside = heard[(moments > word * WORD + 0.06) & (moments < (word + 1) * WORD - 0.06)]
        assert inside == pytest.approx(160 * 1.12**word, rel=0.01)
    assert not heard[(moments > 6 * WORD + 0.05) & (moments < 6 * WORD + 0.3)].any()  # silence has no pitch
    stage(page).get_by_role("button", name="Spectrogram").click()
    expect(stage(page).locator(".scope")).to_have_attribute("data-drawn", "waveform pitch")
    stage(page).get_by_label("Volume").fill("0.4")
    page.reload()
    tab(page, "Audio")
    expect(stage(page).locator(".scope")).to_have_attribute("data-drawn", "waveform pitch")
    expect(stage(page).get_by_label("Volume")).to_have_value("0.4")


# Speaking ------------------------------------------------------------------------------------------------------------


def test_speech_is_heard_in_pieces_and_goes_on_into_the_result_without_a_jump(audio):
    page = audio()
    said = "slow two three four five six seven eight nine ten. Eleven twelve. Thirteen fourteen."
    # At every frame: where the player is, and what the sound device's clock says.
    page.evaluate("""() => { window.track = []; (function look() {
      const {deck, live, words} = document.querySelector('eddy-sound[data-where=stage]').player;
      const {context, now, playing, waiting} = deck;
      if (playing && context) window.track.push([context.currentTime, now, live, words.now, waiting]);
      requestAnimationFrame(look);
    })(); }""")
    speak(page, said)
    when(page, "s.live && s.playing")
    when(page, "!s.live && s.words === 14")  # the result is here while the first sentence is still being heard
    assert state(page)["playing"]
    expect(stage(page).locator(".word[aria-current]")).to_have_count(1)
    when(page, "!s.playing && s.now > 0")
    assert state(page)["now"] == pytest.approx(14 * WORD + 3 * 0.35)
    track = [entry for entry in page.evaluate("window.track") if not entry[4]]
    assert {live for _, _, live, _, _ in track} == {True, False}
    clock, place = (np.array(column) for column in list(zip(*track, strict=True))[:2])
    steady = (place > 0.05) & (place < place.max() - 0.05)
    drift = (place - clock)[steady]
    assert np.ptp(drift) < 0.03  # it went neither back nor forth when the finished sound took over
    followed = [word for _, now, _, word, _ in track if word >= 0]
    assert followed == sorted(followed) and set(followed) == set(range(14))
    expect(shown(page, ".words")).to_have_text(said)
    expect(page.get_by_role("link", name="SRT", exact=True)).to_be_visible()


def test_the_first_piece_is_heard_at_once(audio, served):
    page = audio()
    page.evaluate("""() => { const look = setInterval(() => {
      const {deck, live} = document.querySelector('eddy-sound[data-where=stage]').player;
      if (live && deck.now > 0) { window.heardAt = Date.now(); clearInterval(look); }
    }, 4); }""")
    speak(page, "slow. " + "Two. " * 9)
    until(lambda: served.shop.jobs.list("", ("running",)))
    (job,) = served.shop.jobs.list("", ("running",))
    piece = served.shop.jobs.folder(job.id) / "piece-000.wav"
    until(piece.exists)
    appeared = piece.stat().st_mtime
    page.wait_for_function("window.heardAt")
    # 0.2 s on a machine with nothing else to do; on any, long before the run has ended.
    assert page.evaluate("window.heardAt") / 1000 - appeared < 3
    when(page, "s.waiting")  # heard to its end before the next is there
    waited = state(page)["now"]
    when(page, f"s.now > {waited} + 0.1 && s.playing")
    page.get_by_role("button", name="Stop").locator("visible=true").click()
    finished(page)
    assert state(page)["seconds"] > 0  # what was there stays to be heard


def test_a_page_that_opens_later_is_silent_until_asked(visit, served):
    job = served.shop.jobs.submit([SpeechSettings(text="slow one two. " + "And more. " * 60, seed=1)], "")[0]
    page = visit()
    tab(page, "Audio")
    when(page, "s.live && s.words > 0")
    assert not state(page)["playing"]
    stage(page).get_by_role("button", name="Play").click()
    when(page, "s.playing && s.now > 0.1")
    stage(page).get_by_role("button", name="Pause").click()
    at = state(page)["now"]
    served.shop.jobs.cancel(job.id, "")
    finished(page)
    assert state(page)["now"] == at


def test_a_pause_while_pieces_come_is_kept(audio):
    page = audio()
    speak(page, "slow one two three. Four five. Six.")
    when(page, "s.live && s.playing && s.now > 0")
    stage(page).get_by_role("button", name="Pause").click()
    paused = state(page)["now"]
    when(page, "!s.live && s.words === 7")
    assert not state(page)["playing"] and state(page)["now"] == pytest.approx(paused)


# Listening -----------------------------------------------------------------------------------------------------------


def test_a_click_seeks_and_keys_walk(audio):
    page = audio()
    scope, whole = stage(page).locator(".scope"), state(page)["seconds"]
    box = scope.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    assert state(page)["now"] == pytest.approx(whole / 2, abs=0.02)
    expect(scope).to_have_attribute("aria-valuetext", re.compile(r"0:02\.[34] of 0:04\.7"))
    scope.focus()
    page.keyboard.press("ArrowRight")
    assert state(page)["now"] == pytest.approx(whole / 2 + 0.5, abs=0.02)
    page.keyboard.press("Shift+ArrowLeft")
    assert state(page)["now"] == pytest.approx(whole / 2 + 0.4, abs=0.02)
    page.keyboard.press("Home")
    page.keyboard.press("[")
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("]")
    assert state(page)["mark"] == {"start": 0, "end": pytest.approx(whole - 0.5)}
    page.keyboard.press("Escape")
    assert state(page)["mark"] is None
    page.keyboard.press("Home")
    page.keyboard.press(" ")
    when(page, "s.playing && s.now > 0.1")
    page.keyboard.press(" ")
    assert not state(page)["playing"]


def test_words_are_read_along_and_lead_to_their_place(audio):
    page = audio()
    words = stage(page).locator(".word")
    words.nth(4).click()
    assert state(page)["now"] == pytest.approx(4 * WORD)
    expect(words.nth(4)).to_have_attribute("aria-current", "true")
    page.keyboard.press("ArrowRight")
    expect(words.nth(5)).to_be_focused()
    page.keyboard.press("Enter")
    assert state(page)["now"] == pytest.approx(5 * WORD)
    assert words.evaluate_all("all => all.filter((one) => one.tabIndex === 0).length") == 1
    stage(page).get_by_role("button", name="Play").click()
    when(page, "s.word === 7")
    expect(stage(page).locator(".word[aria-current]")).to_have_count(1)
    stage(page).get_by_role("button", name="Pause").click()


def test_a_dragged_part_is_downloaded_sample_for_sample_and_says_what_it_is(audio, shipped, tmp_path):
    page = audio()
    dragged(page, stage(page).locator(".scope"), 0.25, 0.6)
    mark = state(page)["mark"]
    assert mark["start"] == pytest.approx(0.25 * 4.7, abs=0.02) and mark["end"] == pytest.approx(0.6 * 4.7, abs=0.02)
    with page.expect_download() as waiting:
        stage(page).get_by_role("button", name="Download this part").click()
    assert waiting.value.suggested_filename.endswith(".wav")
    waiting.value.save_as(tmp_path / "part.wav")
    whole, part = load(shipped / "examples" / "audio-3-cat.wav"), load(tmp_path / "part.wav")
    first, last = round(mark["start"] * RATE), round(mark["end"] * RATE)
    assert part.sample_rate == RATE and part.samples.shape == (1, last - first)
    assert np.array_equal(part.samples, whole.samples[:, first:last])
    found = read_settings(tmp_path / "part.wav")
    assert found.settings == SpeechSettings(text=SAID, seed=5, voice="rms") and found.origin is None
    assert found.ai_mark.endswith("trainedAlgorithmicMedia")
    expected = [w for w in whole.words if w.start < mark["end"] and w.end > mark["start"]]
    cut = read_words(tmp_path / "part.wav")
    assert [w.text for w in cut] == [w.text for w in expected]
    assert cut[1].start == pytest.approx(expected[1].start - mark["start"], abs=0.001)
    stage(page).get_by_role("button", name="Take the mark away").click()
    expect(stage(page).locator(".part")).to_be_hidden()


def test_before_and_after_change_places_while_it_plays(audio):
    page = audio()
    page.get_by_role("button", name="Example: strings").click()
    expect(shown(page, ".words")).to_have_text("strings")
    expect(page.get_by_role("tab", name="Edit sound")).to_have_attribute("aria-selected", "true")
    expect(shown(page, ".recorder .scope")).to_be_visible()  # its source is in the form
    expect(shown(page, ".field-source-prompt input, .field-source-prompt textarea")).to_have_value("piano")
    when(page, "s.sides.length === 2")
    stage(page).get_by_role("button", name="Play").click()
    when(page, "s.playing && s.now > 0.3")
    stage(page).get_by_role("button", name="Before", exact=True).click()
    there = state(page)
    assert there["side"] == "before" and there["playing"] and there["now"] > 0.3
    when(page, f"s.now > {there['now']} + 0.05")
    stage(page).get_by_role("button", name="Pause").click()
    pitch = "document.querySelector('eddy-sound[data-where=stage]').player.drawn?.pitch?.[100]"
    page.wait_for_function(f"Math.abs({pitch} - 330) < 5")
    stage(page).get_by_role("button", name="After", exact=True).click()
    page.wait_for_function(f"Math.abs({pitch} - 220) < 5")


# Editing -------------------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_a_dropped_recording_is_seen_marked_and_edited(audio, served, tmp_path):
    soundfile.write(tmp_path / "mine.wav", joined([sentence("one two three four")]).samples.T, RATE, subtype="PCM_16")
    page = audio(mode="Edit speech")
    page.get_by_role("button", name="Edit recording", exact=True).click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("there is none yet")
    dropped(page, tmp_path / "mine.wav")
    dragged(page, shown(page, ".recorder .scope"), 0.2, 0.4)
    start, end = (shown(page, f".field-{name} input, .field-{name} textarea") for name in ("start", "end"))
    expect(start).to_have_value(re.compile(r"0\.[34]\d"))
    expect(end).to_have_value(re.compile(r"0\.7\d"))
    shown(page, ".field-source-text textarea").fill("one two three four")
    shown(page, ".field-text textarea").fill("one TWO three four")
    page.get_by_role("button", name="Edit recording", exact=True).click()
    finished(page, "Edit recording")
    expect(shown(page, ".words")).to_have_text("one TWO three four")
    when(page, "s.sides.length === 2")
    (asset,) = served.shop.library.search("", imported=False).assets
    assert isinstance(asset.settings, SpeechEditSettings)
    assert asset.settings.source_text == "one two three four" and asset.settings.start == pytest.approx(0.35, abs=0.06)
    ((role, parent),) = served.shop.library.parents(asset.id, "")
    assert role == "source" and parent.path.read_bytes() == (tmp_path / "mine.wav").read_bytes()
    page.get_by_role("button", name="Variation").click()
    page.get_by_role("button", name="Stop").locator("visible=true").wait_for()
    finished(page, "Edit recording")
    until(lambda: served.shop.library.search("", imported=False).total == 2)


def test_use_as_source_brings_the_words_along(audio):
    page = audio()
    page.get_by_role("button", name="Use as source").click()
    expect(shown(page, ".field-source-text textarea")).to_have_value(SAID)
    expect(shown(page, ".field-text textarea")).to_have_value(SAID)
    shown(page, ".recorder .scope[data-drawn]").wait_for()
    source = page.locator("eddy-sound[data-where=edit-speech]").evaluate("one => one.player.deck.seconds")
    assert source == pytest.approx(4.7)
    page.locator(".recorder").locator("visible=true").get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('eddy-sound[data-where=edit-speech]').player.deck.now > 0.1")
    stage(page).get_by_role("button", name="Play").click()  # one at a time
    assert not page.locator("eddy-sound[data-where=edit-speech]").evaluate("one => one.player.deck.playing")
    page.get_by_role("button", name="Remove", exact=True).locator("visible=true").click()
    expect(page.locator(".recorder .scope").locator("visible=true")).to_have_count(0)


def test_words_can_be_spoken_into_the_microphone(audio, served):
    page = audio(mode="Edit speech", permissions=["microphone"])
    page.get_by_role("button", name="Record", exact=True).click()
    expect(shown(page, ".recorder .name")).to_have_text("Recording, 0:01")
    page.get_by_role("button", name="Stop recording", exact=True).click()
    expect(shown(page, ".recorder .name")).to_have_text("recording.wav")
    shown(page, ".recorder .scope[data-drawn]").wait_for()
    seconds = page.locator("eddy-sound[data-where=edit-speech]").evaluate("one => one.player.deck.seconds")
    assert 0.5 < seconds < 20
    expect(page.locator("p.failed")).to_have_count(0)


def test_what_is_not_a_sound_is_refused_in_words(audio, tmp_path):
    (tmp_path / "fake.wav").write_text("hello")
    page = audio(mode="Edit sound")
    shown(page, ".recorder input[type=file]").set_input_files(tmp_path / "fake.wav")
    expect(page.locator("p.failed")).to_be_visible()
    assert "Traceback" not in shown(page, ".block.line").inner_text()


# Sounds --------------------------------------------------------------------------------------------------------------


def test_several_sounds_are_chosen_kept_and_given_up(audio, served):
    page = audio(mode="Make sound")
    shown(page, ".field-prompt textarea").fill(HOSTILE)
    page.get_by_label("number input for How many").locator("visible=true").fill("2")
    page.get_by_label("Loop").locator("visible=true").check()
    page.get_by_role("button", name="Make it sound", exact=True).click()
    page.locator(".board.running eddy-sound").wait_for()
    when(page, "s.live && s.seconds > 0")  # an estimate to be seen; nothing plays before it is asked for
    assert not state(page)["playing"]
    finished(page, "Make it sound")
    takes = page.locator(".takes button")
    expect(takes).to_have_count(2)
    assert state(page)["repeat"]  # it was asked for as a loop
    takes.nth(1).click()
    expect(takes.nth(1)).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Star", exact=True).locator("visible=true").click()
    expect(page.get_by_role("button", name="Starred", exact=True).locator("visible=true")).to_be_visible()
    page.get_by_role("button", name="Delete", exact=True).locator("visible=true").click()
    until(lambda: served.shop.library.search("").total == 1)
    page.get_by_role("button", name="Undo delete").locator("visible=true").click()
    until(lambda: served.shop.library.search("").total == 2)
    strip = page.locator(".strip").locator("visible=true").locator("button")
    expect(strip).to_have_count(4)
    strip.last.click()
    expect(page.get_by_role("tab", name="Edit sound")).to_have_attribute("aria-selected", "true")
    strip.first.click()
    expect(page.get_by_role("tab", name="Make sound")).to_have_attribute("aria-selected", "true")
    expect(shown(page, ".field-prompt textarea")).to_have_value(HOSTILE)
    assert page.title() == "Eddyline"


def test_downloads_are_sounds(audio, served):
    page = audio()
    for kind in ("WAV", "FLAC", "OGG", "MP3"):
        with page.expect_download() as waiting:
            page.get_by_role("link", name=kind, exact=True).locator("visible=true").click()
        held, rate = soundfile.read(io.BytesIO(Path(waiting.value.path()).read_bytes()))
        assert len(held) / rate == pytest.approx(4.7, abs=0.1)


# From elsewhere ------------------------------------------------------------------------------------------------------


def test_a_sound_dropped_anywhere_opens_the_tab(audio, tmp_path):
    page = audio()
    tab(page, "Models")
    soundfile.write(tmp_path / "plain.wav", note(300, 1.0).samples.T, RATE)
    page.locator(".anywhere input[type=file]").set_input_files(tmp_path / "plain.wav")
    expect(page.get_by_role("tab", name="Edit speech")).to_have_attribute("aria-selected", "true")
    shown(page, ".recorder .scope[data-drawn]").wait_for()
    ours = SoundSettings(prompt="a gong", seed=9, steps=33)
    save(note(200, 1.0), tmp_path / "ours.flac", ours)
    tab(page, "Models")
    page.locator(".anywhere input[type=file]").set_input_files(tmp_path / "ours.flac")
    expect(shown(page, ".block.notes")).to_contain_text("settings are back in Make sound")
    expect(page.get_by_role("tab", name="Edit sound")).to_have_attribute("aria-selected", "true")
    expect(shown(page, ".field-source-prompt input, .field-source-prompt textarea")).to_have_value("a gong")
    page.get_by_role("tab", name="Make sound").click()
    expect(shown(page, ".field-prompt textarea")).to_have_value("a gong")


def test_a_sound_dropped_before_the_tab_was_ever_opened(visit, tmp_path):
    page = visit()
    soundfile.write(tmp_path / "plain.wav", note(300, 1.0).samples.T, RATE)
    page.locator(".anywhere input[type=file]").set_input_files(tmp_path / "plain.wav")
    expect(page.get_by_role("tab", name="Edit speech")).to_have_attribute("aria-selected", "true")
    shown(page, ".recorder .scope[data-drawn]").wait_for()


def test_the_library_plays_and_leads_back(audio, served):
    settings = SpeechSettings(text="One two. Three.", seed=3, speed=1.25)
    job = served.shop.jobs.submit([settings], "")[0]
    until(lambda: not served.shop.jobs.get(job.id, "").waiting)
    page = audio()
    tab(page, "Library")
    page.locator(".tile .pick").click()
    player = page.locator("eddy-sound[data-where=detail]")
    expect(player.locator(".word")).to_have_count(3)
    player.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('eddy-sound[data-where=detail]').player.deck.now > 0.05")
    page.get_by_role("button", name="Use settings").click()
    expect(page.get_by_role("tab", name="Speak")).to_have_attribute("aria-selected", "true")
    expect(shown(page, ".field-text textarea")).to_have_value("One two. Three.")
    assert not player.evaluate("one => one.player.deck.playing")  # what is out of sight is not to be heard
    tab(page, "Library")
    page.locator(".tile .pick").click()
    page.get_by_role("button", name="Use as source").locator("visible=true").click()
    expect(shown(page, ".field-source-text textarea")).to_have_value("One two. Three.")
    shown(page, ".recorder .scope[data-drawn]").wait_for()


def test_keys_reach_the_tab_and_its_text(audio):
    page = audio()
    for digit, name in (("6", "Library"), ("3", "Audio")):
        page.locator("body").press("g")
        page.keyboard.press(digit)
        expect(page.locator(".media > .tab-wrapper").get_by_role("tab", name=name)).to_have_attribute(
            "aria-selected", "true"
        )
    page.keyboard.press("/")
    page.keyboard.type("Hello there.")
    expect(shown(page, ".field-text textarea")).to_have_value("Hello there.")
    page.keyboard.press("Control+Enter")
    expect(shown(page, ".words")).to_have_text("Hello there.")


def test_earlier_texts_are_apart_from_earlier_prompts(audio):
    page = audio()
    speak(page, "Only to be spoken.")
    finished(page)
    page.get_by_role("button", name="Presets and prompts").locator("visible=true").click()
    page.get_by_label("Earlier prompts").locator("visible=true").click()
    expect(page.get_by_role("option", name="Only to be spoken.")).to_be_visible()
    page.keyboard.press("Escape")
    tab(page, "Image")
    page.get_by_role("button", name="Presets and prompts").locator("visible=true").first.click()
    page.get_by_label("Earlier prompts").locator("visible=true").click()
    page.wait_for_timeout(500)
    expect(page.get_by_role("option", name="Only to be spoken.").locator("visible=true")).to_have_count(0)


def test_the_cost_follows_the_text(audio):
    page = audio()
    cost = page.locator(".cost").locator("visible=true").first
    expect(cost).to_contain_text(re.compile(r"about \d"))
    before = cost.inner_text()
    shown(page, ".field-text textarea").fill("A long sentence about nothing much. " * 60)
    expect(cost).not_to_have_text(before)


@pytest.mark.parametrize("mode", ["Speak", "Edit speech", "Make sound", "Edit sound"])
def test_a_phone_has_the_result_first_and_scrolls_one_way(audio, mode):
    page = audio(390, 844, mode=mode, is_mobile=True, has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    run = page.locator("button.run").locator("visible=true").bounding_box()
    assert run["y"] + run["height"] <= 844
    assert stage(page).bounding_box()["y"] < page.locator(".modes").locator("visible=true").bounding_box()["y"]


def test_pieces_are_their_owners_alone_and_go_with_their_job(served):
    # Not the last piece is waited for: with it the job ends, and its pieces go.
    job = served.shop.jobs.submit([SpeechSettings(text="slow one. Two. Three. Four. Five. Six. Seven.", seed=1)], "")[0]
    parts = f"{served.address}studio/jobs/{job.id}/parts"
    until(lambda: httpx.get(f"{parts}/piece-000.wav").status_code == 200)
    answer = httpx.get(f"{parts}/piece-000.wav")
    assert answer.headers["content-type"].startswith("audio/") and "no-store" in answer.headers["cache-control"]
    assert httpx.get(f"{parts}/piece-000.json").json()["words"][0]["text"] == "slow"
    assert httpx.get(f"{parts}/piece-900.wav").status_code == 202  # not yet
    waited = httpx.get(f"{parts}/piece-002.wav?wait", timeout=30)
    assert waited.status_code == 200 and soundfile.info(io.BytesIO(waited.content)).samplerate == RATE
    for name in ("..%2f..%2fstudio.sqlite", "piece-000.exe", ".piece-000.part", "piece-000.wav%00"):
        assert httpx.get(f"{parts}/{name}").status_code == 404
    assert httpx.get(f"{served.address}studio/jobs/{'0' * 32}/parts/piece-000.wav").status_code == 404
    until(lambda: not served.shop.jobs.get(job.id, "").waiting)
    until(lambda: httpx.get(f"{parts}/piece-000.wav").status_code == 204)
    asset = served.shop.library.made_by([job.id], "")[job.id][0]
    told = httpx.get(f"{served.address}studio/assets/{asset.id}/words").json()["words"]
    assert [word["text"] for word in told] == "slow one. Two. Three. Four. Five. Six. Seven.".split()
    assert httpx.get(f"{served.address}studio/examples/audio-3-cat.wav/words").json()["words"][0]["text"] == "The"
    assert httpx.get(f"{served.address}studio/examples/..%2fx/words").status_code == 404
