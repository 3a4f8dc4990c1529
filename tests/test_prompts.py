"""Wildcards, batches over a list, and the history of prompts."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.settings import MAX_SEED, ImageEditSettings, ImageSettings
from studio.prompts import History, batch, drawn
from studio.wildcards import Lists, combinations, expand, has_wildcards, literal

HEART = ImageSettings(prompt="a {red|blue} heart", seed=7)
LISTS = {"colours": ["red", "{dark |}blue"], "self": ["__self__ again"]}


def test_the_same_seed_takes_the_same_words():
    text = "a {red|blue|green|{light|dark} grey} {heart|star}"
    first = [expand(text, seed) for seed in range(200)]
    assert first == [expand(text, seed) for seed in range(200)]
    assert {each.prompt for each in first} == set(combinations(text))
    assert all(each.template == text and each.picks[0] in each.prompt for each in first)


def test_what_a_seed_takes_is_fixed_for_good():
    """Files are replayed from the words, but a preset with wildcards should mean the same next year as well."""
    taken = [expand("{a|b|c|d|e|f|g|h}{a|b|c|d|e|f|g|h}", seed).prompt for seed in (0, 1, 7, 2**32 - 1)]
    assert taken == TAKEN


TAKEN = ["fh", "fg", "hg", "ee"]


def test_weights_are_obeyed():
    taken = Counter(expand("{3::red|blue|0::green}", seed).prompt for seed in range(2000))
    assert taken["green"] == 0 and 2.6 < taken["red"] / taken["blue"] < 3.4
    assert combinations("{3::red|blue}") == ("red", "blue")


@pytest.mark.parametrize(
    "text, said",
    [
        (r"a \{red\} heart", "a {red} heart"),
        (r"a \\ b", "a \\ b"),
        ("a|b", "a|b"),
        (r"{a\|b}", "a|b"),
        ("{}", ""),
        ("a {|} heart", "a heart"),
        ("a heart{|}, shiny", "a heart, shiny"),
        ("{ red }heart", "red heart"),
        ("a { red | red } heart", "a red heart"),
        (r"\__colours__", "__colours__"),
        ("snake_case and a__b", "snake_case and a__b"),
        ("time 2::1", "time 2::1"),
        (r"C:\path", r"C:\path"),
    ],
)
def test_signs_that_stand_for_themselves(text, said):
    assert expand(text, 0).prompt == said


def test_a_plain_prompt_is_left_as_it_is():
    assert expand("  two  spaces ", 1).prompt == "  two  spaces " and not has_wildcards("a heart")


@given(st.text(alphabet="ab {}|\\_:1", max_size=40))
def test_a_literal_expands_to_itself(text):
    assert expand(literal(text), 3).prompt == (text if not has_wildcards(literal(text)) else tidy(text))


def tidy(text):
    return expand(literal(f"{text} {{"), 0).prompt.removesuffix("{").strip()


@pytest.mark.parametrize(
    "text, said",
    [
        ("a {red heart", "'{' at character 3 is never closed"),
        ("a {red|{blue} heart", "'{' at character 3 is never closed"),
        ("a red} heart", "'}' at character 6 closes nothing"),
        ("{0::a|0::b}", "weights in '{' at character 1 are all 0"),
        ("__shapes__", "no list named 'shapes' (known: colours, self)"),
        ("__self__", "does a list name itself"),
        ("{" * 30 + "}" * 30, "more than 12 deep"),
        ("{a|" * 5000, "at most 10,000 characters"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(text, said):
    for read in (lambda: expand(text, 1, LISTS), lambda: combinations(text, LISTS)):
        with pytest.raises(SettingsError) as refused:
            read()
        assert str(refused.value).startswith("prompt: ") and said in str(refused.value)


def test_every_combination_in_order_and_once():
    assert combinations("{a|b} {c|{d|e}}") == ("a c", "a d", "a e", "b c", "b d", "b e")
    assert combinations("{a|a} x") == ("a x",)
    assert combinations("__colours__ {1|2}", LISTS) == (
        "red 1",
        "red 2",
        "dark blue 1",
        "dark blue 2",
        "blue 1",
        "blue 2",
    )


def test_too_many_combinations_are_counted_but_not_made():
    with pytest.raises(SettingsError, match="stands for 1,000,000,000,000,000,000 prompts, at most 64"):
        combinations("{0|1|2|3|4|5|6|7|8|9}" * 18)


def test_lists_are_text_files_in_a_folder(tmp_path):
    (tmp_path / "colours.txt").write_text("# mine\nred\n\n blue \n")
    (tmp_path / "..x.txt").write_text("no")
    lists = Lists(tmp_path)
    assert dict(lists) == {"colours": ["red", "blue"]}
    assert expand("__colours__", 1, lists).prompt in ("red", "blue")
    assert dict(Lists(tmp_path / "none")) == {}


def test_settings_hold_the_words_and_remember_what_was_typed():
    made = drawn(HEART)
    assert made.settings.prompt in ("a red heart", "a blue heart")
    assert made.settings == HEART.with_(prompt=made.settings.prompt) and made.templates == {"prompt": HEART.prompt}
    assert drawn(made.settings) == drawn(made.settings) and drawn(made.settings).templates == {}


def test_equal_texts_of_an_edit_draw_the_same_words():
    for seed in range(20):
        edit = ImageEditSettings(source_prompt="a {red|blue} hat", prompt="a {red|blue} hat", seed=seed)
        made = drawn(edit).settings
        assert made.prompt == made.source_prompt


def test_wildcards_need_a_seed():
    with pytest.raises(SettingsError, match="seed: is empty"):
        drawn(HEART.with_(seed=None))
    assert drawn(ImageSettings(prompt="a heart")).settings.seed is None


def test_a_batch_is_one_settings_a_line():
    made = batch(HEART.with_(steps=3), "a cat\n\n  a dog \n{one|two} hats\n")
    assert [each.settings.prompt for each in made][:2] == ["a cat", "a dog"]
    assert {each.settings.seed for each in made} == {7} and {each.settings.steps for each in made} == {3}
    assert [each.templates for each in made] == [{}, {}, {"prompt": "{one|two} hats"}]
    counted = batch(HEART.with_(seed=MAX_SEED), ["a", "b"], seeds="count up")
    assert [each.settings.seed for each in counted] == [MAX_SEED, 0]


def test_a_batch_of_everything():
    made = batch(HEART.with_(negative_prompt="{x|x}"), "a {red|blue} {hat|cat}\na dog", mode="all")
    assert [each.settings.prompt for each in made] == ["a red hat", "a red cat", "a blue hat", "a blue cat", "a dog"]
    assert {each.settings.negative_prompt for each in made} == {"x"}
    assert made[4].templates == {"negative_prompt": "{x|x}"}


@pytest.mark.parametrize(
    "text, said",
    [
        ("\n \n", "the list is empty"),
        ("a cat\na {dog", "line 2: prompt: '{' at character 3"),
        ("a cat\n" + "x" * 1001, "line 2: prompt: at most 1000 characters"),
        ("a cat\n" * 65, "at most 64 prompts"),
        ("fine\n{|}", "line 2: prompt: is empty"),
    ],
)
def test_a_batch_that_cannot_be_made_names_the_line(text, said):
    with pytest.raises(SettingsError) as refused:
        batch(HEART, text)
    assert said in str(refused.value)


def test_a_text_of_wildcards_may_be_longer_than_a_prompt():
    long = "{" + "|".join(f"a cat number {i}" for i in range(90)) + "}"
    assert len(long) > 1000 and len(batch(HEART, long)) == 1


def test_history_keeps_the_last_hundred_once_each(tmp_path):
    history = History(tmp_path)
    for number in range(120):
        history.add("ann", f"heart {number}")
    history.add("ann", " heart 100 ")
    history.add("ann", "  ")
    kept = history.prompts("ann")
    assert len(kept) == 100 and kept[:2] == ("heart 100", "heart 119") and kept.count("heart 100") == 1
    assert History(tmp_path).prompts("ann") == kept
    assert history.prompts("ann", "HEART 11") == tuple(f"heart {n}" for n in range(119, 109, -1))


def test_history_of_one_owner_is_not_shown_to_another(tmp_path):
    history = History(tmp_path)
    for owner in ("ann", "../../bob", ""):
        history.add(owner, f"of {owner}")
    assert [history.prompts(owner) for owner in ("ann", "../../bob", "")] == [("of ann",), ("of ../../bob",), ("of",)]
    assert {path.parent for path in tmp_path.rglob("*.json")} == {tmp_path / "history"}
    history.remove("ann", "of ann")
    history.clear("../../bob")
    history.clear("nobody")
    assert history.prompts("ann") == history.prompts("../../bob") == () and history.prompts("")


def test_a_damaged_history_is_begun_anew(tmp_path):
    history = History(tmp_path)
    history.add("ann", "one")
    (path,) = tmp_path.rglob("*.json")
    for text in ("{", '{"a": 1}', "[1, null]"):
        path.write_text(text)
        assert history.prompts("ann") == ()
    history.add("ann", "two")
    assert json.loads(path.read_text()) == ["two"]
