"""Prompts to numbers, and the small text encoder."""

import pytest
import torch

from pipelines.backbone.text import BUCKETS, PIECES, Tokenizer, hashed_pieces, split_words

WORDS = ("red", "apple", "dog", "on", "table")


@pytest.fixture
def tokenizer():
    return Tokenizer(WORDS, 6)


def test_words_get_their_rows_after_the_start_token(tokenizer):
    tokens = tokenizer(["red apple", "table"])
    assert tokens.words.tolist() == [[0, 2, 3, 0, 0, 0], [0, 6, 0, 0, 0, 0]]
    assert (tokens.pieces[0].gt(0).sum(-1) > 0).tolist() == [False, True, True, False, False, False]


def test_articles_case_and_marks_do_not_count(tokenizer):
    plain = tokenizer(["red apple on table"])
    fussy = tokenizer(["  A Red,apple; on (the) TABLE!? "])
    assert torch.equal(plain.words, fussy.words) and torch.equal(plain.pieces, fussy.pieces)
    assert split_words("The man's dog\u2019s an ox") == ["mans", "dogs", "ox"]


def test_unknown_words_are_reported_once_and_still_say_something(tokenizer):
    tokens = tokenizer(["red zyzzyva zyzzyva quoll", "apple"])
    assert tokens.unknown == (("zyzzyva", "quoll"), ())
    assert tokens.words[0].tolist() == [0, 2, 1, 1, 1, 0]
    assert not torch.equal(tokens.pieces[0, 2], tokens.pieces[0, 4])


def test_dropped_words_are_reported_and_not_called_unknown(tokenizer):
    tokens = tokenizer(["red red red red red apple zyzzyva"])
    assert tokens.dropped == (("apple", "zyzzyva"),)
    assert tokens.unknown == ((),)
    assert (tokens.words[0] > 0).sum() == 5


@pytest.mark.parametrize("prompt", ["", "   ", "the", "?!.", "\n\t"])
def test_a_prompt_without_words_is_the_empty_prompt(tokenizer, prompt):
    tokens = tokenizer([prompt])
    assert not tokens.words.any() and not tokens.pieces.any()
    assert tokens.unknown == tokens.dropped == ((),)


def test_two_thousand_words_keep_the_first(tokenizer):
    tokens = tokenizer(["red " + "apple " * 1999])
    assert tokens.words.tolist() == [[0, 2, 3, 3, 3, 3]]
    assert len(tokens.dropped[0]) == 1995


@pytest.mark.parametrize(
    "prompt", ["\u732b", "\U0001f469\u200d\U0001f680", "\u00fcber", "na\u00efve", "\u0645\u0631\u062d\u0628\u0627"]
)
def test_other_scripts_are_unknown_words_with_pieces(tokenizer, prompt):
    tokens = tokenizer([prompt])
    assert "".join(tokens.unknown[0]) == prompt.lower()
    assert tokens.pieces.any() and not tokens.dropped[0]


@pytest.mark.parametrize("word", ["a", "apple", "x" * 500, "\U0001f34e"])
def test_pieces_fit_their_table(word):
    pieces = hashed_pieces(word)
    assert 1 <= len(pieces) <= PIECES and all(0 < piece < BUCKETS for piece in pieces)
    assert pieces == hashed_pieces(word)


def test_pieces_tell_similar_words_apart_but_share_some():
    one, other, far = (set(hashed_pieces(word)) for word in ("running", "runner", "elephant"))
    assert one != other and len(one & other) >= 3 > len(one & far)


def test_an_encoding_does_not_depend_on_the_neighbours(tiny_starter):
    prompts = ["red apple", "a zyzzyva on the table", "", "dog " * 30]
    together = tiny_starter.encode(prompts)
    for row, prompt in enumerate(prompts):
        alone = tiny_starter.encode([prompt])
        torch.testing.assert_close(together.context[row : row + 1], alone.context, atol=1e-5, rtol=0)
        torch.testing.assert_close(together.pooled[row : row + 1], alone.pooled, atol=1e-5, rtol=0)


def test_different_prompts_encode_differently(tiny_starter):
    prompts = ["", "red apple", "apple red", "red apples", "zyzzyva", "zyzzyvas"]
    encoded = tiny_starter.encode(prompts)
    assert torch.isfinite(encoded.context).all() and torch.isfinite(encoded.pooled).all()
    distance = torch.cdist(encoded.context.flatten(1), encoded.context.flatten(1))
    assert distance[~torch.eye(len(prompts), dtype=torch.bool)].min() > 1e-2


def test_words_beyond_the_limit_change_nothing(tiny_starter):
    kept = " ".join(["dog"] * 15)
    one, other = tiny_starter.encode([kept]), tiny_starter.encode([kept + " elephant"])
    assert torch.equal(one.context, other.context)
    assert other.dropped == (("elephant",),)
