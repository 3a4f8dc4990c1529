"""A text as what is spoken: every word once, read as a person would read it."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.errors import SettingsError
from pipelines.reading import MAX_PHONES, PHONES, STOPS, VOWELS, Phone, notes_of, phones_of, read

MARKS = {0: "", 1: "ˈ", 2: "ˌ"}


def sound_of(word):
    return "".join(MARKS[phone.stress] + phone.symbol for phone in word.phones)


def said(text):
    """All that is said of a text, a space between words."""
    return " ".join(sound_of(word) + word.stop for sentence in read(text) for word in sentence.words)


def same(text, written_out):
    """Both are said alike, whatever words they are written in; stress and stops may differ a little."""
    clean = str.maketrans("", "", "ˈˌ ,.;:—")
    return said(text).translate(clean) == said(written_out).translate(clean)


def accounted(text, sentences):
    """Spans of words and of what was left out, in order; and that they hold all ink exactly once."""
    spans = sorted(
        (word.start, word.end, word.text) for sentence in sentences for word in (*sentence.words, *sentence.left_out)
    )
    assert all(text[start:end] == found for start, end, found in spans)
    inked = [place for place, sign in enumerate(text) if not sign.isspace()]
    # A word may hold white space ("5 May"), never another word.
    covered = [place for start, end, _ in spans for place in range(start, end) if not text[place].isspace()]
    assert covered == inked
    return spans


WORDS = st.sampled_from(
    "the cat sat Dr. Smith 3.14 $5 million 5 May 2024 10:30 am etc. U.S. don't well-known (maybe) “so” yes! no? "
    "— -- … * # 1/2 € x@y.org www.a-b.com/c 世界 😀 π ½ II NASA C++ 1,000 <b> &amp; é ™ Mr. J. R. 12345678901234567890 "
    "- ' \" ... 100km/h 7pm 5'10\" ‘a’ Привет hello世界 yes—no a...b supercalifragilisticexpialidocious".split(" ")
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", " ", " ", "\n", "\n\n", "  ", "\t", ", ", ". ", ""]))).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


@settings(max_examples=400, deadline=None)
@given(st.one_of(TEXTS, st.text(max_size=60), st.text("ab.$5/:-' \n", max_size=40), st.binary(max_size=60).map(repr)))
@example("$5 million € and 5 May")
@example("3 3/4.")
def test_every_written_word_is_accounted_for_once(text):
    try:
        sentences = read(text)
    except SettingsError as error:
        assert str(error).startswith("text: nothing in it can be spoken")
        return
    accounted(text, sentences)
    assert read(text) == sentences
    for sentence in sentences:
        for word in sentence.words:
            assert any(phone.symbol not in STOPS for phone in word.phones), word
            assert all(phone.symbol in PHONES for phone in word.phones)
            assert word.phones[0].symbol not in STOPS and word.phones[-1].symbol not in STOPS
            assert word.stop == "" or word.stop in STOPS
        assert sentence.words[-1].stop
        assert len(sentence.words) == 1 or sum(len(word.phones) for word in sentence.words) <= MAX_PHONES


# Of one reading each: "house" is said in another way where it is a verb.
COMMON = st.sampled_from("cat table running beautiful understand window water because yellow children purple".split())


@settings(max_examples=80, deadline=None)
@given(st.lists(COMMON, min_size=1, max_size=120), st.sampled_from(["", ".", ",", "!"]))
def test_no_word_is_skipped_or_said_twice(words, mark):
    """As many words as written, and each sounds as it does alone, however long the text and wherever it is split."""
    sentences = read(" ".join(word + mark for word in words))
    found = [word for sentence in sentences for word in sentence.words]
    assert [word.text.rstrip(".,!") for word in found] == words
    plain = {word: said(word).strip(".").translate({712: None, 716: None}) for word in set(words)}
    assert [sound_of(word).translate({712: None, 716: None}) for word in found] == [plain[word] for word in words]


def test_the_alphabet_is_fixed_and_one_character_each():
    assert len(set(PHONES)) == len(PHONES) == 55
    assert STOPS == ",;:.!?—…" and set("AIOWY") <= set(VOWELS)


def test_everything_that_the_lexicon_and_the_net_can_write_is_in_the_alphabet():
    from hibari.g2p import G2P, _load_json

    letters = set()
    for name in ("lexicon_us_gold.json.gz", "lexicon_us_silver.json.gz"):
        for entry in _load_json(name).values():
            for spelling in entry.values() if isinstance(entry, dict) else [entry]:
                letters |= set(spelling or "")
    letters |= set(G2P().oov.cout.values()) - set(" ()-1")
    letters -= set("ˈˌ")
    assert all(phones_of(letter) for letter in letters), {letter for letter in letters if not phones_of(letter)}


def test_stress_goes_to_the_next_vowel():
    assert phones_of("həlˈO") == (Phone("h"), Phone("ə"), Phone("l"), Phone("O", 1))
    assert phones_of("ˌstɹɛˈs") == (Phone("s"), Phone("t"), Phone("ɹ"), Phone("ɛ", 2), Phone("s"))


@pytest.mark.parametrize(
    "text, written_out",
    [
        ("Chapter IV", "Chapter four"),
        ("Henry VIII", "Henry the eighth"),
        ("World War II", "World War two"),
        ("in 1984", "in nineteen eighty four"),
        ("in 2005", "in two thousand five"),
        ("the 1990s", "the nineteen nineties"),
        ("the 22nd", "the twenty second"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("3.14", "three point one four"),
        ("3.50 km", "three point five zero kilometers"),
        (".5", "point five"),
        ("-5", "minus five"),
        ("50%", "fifty percent"),
        ("10–20%", "ten to twenty percent"),
        ("$3.50", "three dollars and fifty cents"),
        ("$1.00", "one dollar"),
        ("$0.01", "one cent"),
        ("$5 million", "five million dollars"),
        ("$1.5bn", "one point five billion dollars"),
        ("£1m", "one million pounds"),
        ("€20", "twenty euros"),
        ("¥500", "five hundred yen"),
        ("It is 7pm", "It is seven P.M."),
        ("10:30 am", "ten thirty A.M."),
        ("12:00", "twelve o'clock"),
        ("6:05", "six oh five"),
        ("half is 1/2.", "half is one half."),
        ("3 3/4", "three and three quarters"),
        ("open 24/7", "open twenty four seven"),
        ("5kg", "five kilograms"),
        ("100 km/h", "one hundred kilometers per hour"),
        ("20°C", "twenty degrees Celsius"),
        ("5 µm", "five micrometers"),
        ("3.5GHz", "three point five gigahertz"),
        ("2024-05-06", "May sixth twenty twenty four"),
        ("5 May", "the fifth of May"),
        ("Dec. 25", "December twenty-fifth"),
        ("555-1234", "five five five one two three four"),
        ("(555) 123-4567", "five five five one two three four five six seven"),
        ("192.168.0.1", "one hundred ninety two point one hundred sixty eight point zero point one"),
        ("No. 5", "number five"),
        ("#1", "number one"),
        ("pp. 12–15", "pages twelve to fifteen"),
        ("Mr. Smith", "mister Smith"),
        ("Dr. Brown", "doctor Brown"),
        ("St. Paul lives on Main St.", "Saint Paul lives on Main Street"),
        ("this vs. that", "this versus that"),
        ("https://www.example.com/news", "example dot com slash news"),
        ("joe.blow@example.org", "joe dot blow at example dot org"),
        ("C++ and C#", "C plus plus and C sharp"),
        ("2 × 3 = 6", "two times three equals six"),
        ("x²", "x squared"),
        ("½ a cup", "one half a cup"),
        ("π", "pi"),
        ("rock & roll", "rock and roll"),
        ("v2.1", "version two point one"),
        ("5'10\"", "five foot ten"),
        ("**bold** and _thin_", "bold and thin"),
        ("<b>", "less than b greater than"),
        ("ＦＵＬＬ ｗｉｄｔｈ", "FULL width"),
        ("soft\u00adhyphen", "softhyphen"),
        ("12345678901234567", "one two three four five six seven eight nine zero one two three four five six seven"),
    ],
)
def test_what_is_not_plain_words_is_read_out(text, written_out):
    assert same(text, written_out), (said(text), said(written_out))


@pytest.mark.parametrize(
    "text, sound",
    [
        ("NASA", "nˈæsə."),
        ("THE FBI IS HERE", "ði ˌɛfbˌiˈI ɪz hˈɪɹ."),
        ("e.g. this", "ˌiʤˈi ðˈɪs."),
        ("i.e. these", "ˌIˈi ðˈiz."),
        ("etc. it", "ɛtsˈɛTəɹə ɪt."),
        ("the TV", "ðə tˌivˈi."),
        ("twenty-one", "twˌɛntiwˈʌn."),
        ("I read it yesterday.", "ˌI ɹˈɛd ɪt jˈɛstəɹdˌA."),
        ("I will read it.", "ˌI wɪl ɹˈid ɪt."),
    ],
)
def test_capitals_and_homographs(text, sound):
    assert said(text).replace("ˈɪz", "ɪz") == sound


def test_a_word_that_is_in_no_lexicon_is_read_all_the_same():
    assert "fl" in said("Zorflax") and len(read("Zorflax")[0].words[0].phones) >= 5
    assert said("café") and said("Łódź") and said("Zürich")


@pytest.mark.parametrize(
    "text, sentences",
    [
        ("One. Two! Three? Four… Five.", ["One.", "Two!", "Three?", "Four…", "Five."]),
        ("Mr. A. B. Smith met Dr. Jones at 3.14 p.m. today. He left.", None),
        ("We met J. R. R. Tolkien. He smiled.", None),
        ("I live in the U.S. and like it. You do not.", None),
        ("I live in the U.S. He does not.", ["I live in the U.S.", "He does not."]),
        ("See Fig. 3 and No. 5. It is there.", None),
        ("“Why?” he said. “Because.” She went.", ["“Why?” he said.", "“Because.”", "She went."]),
        ("all in small letters. the next one. the last", ["all in small letters.", "the next one.", "the last"]),
        ("A heading\n\nAnd its text goes on\nhere.", ["A heading", "And its text goes on\nhere."]),
        ("Buy:\n- bread\n- milk", ["Buy:", "- bread", "- milk"]),
        ("1. First\n2. Second", ["1. First", "2. Second"]),
        ("The cat sat. Dogs ran. It was Jan. 5.", ["The cat sat.", "Dogs ran.", "It was Jan. 5."]),
        ("It costs 3.5. Take 2.", ["It costs 3.5.", "Take 2."]),
        ("Wait... what? Well... Yes.", ["Wait... what?", "Well...", "Yes."]),
    ],
)
def test_sentences_end_where_they_end(text, sentences):
    found = [sentence.text for sentence in read(text)]
    assert found == (sentences or [text[: text.index(found[-1]) - 1], found[-1]]) and (sentences or len(found) == 2)


def test_a_long_sentence_is_parted_at_its_clauses():
    text = "when the long day was over and the lamps were lit in every window of the street, " * 8
    sentences = read(text)
    assert len(sentences) > 1
    assert all(sentence.text.endswith("street,") for sentence in sentences)
    assert all(sum(len(word.phones) for word in sentence.words) <= MAX_PHONES for sentence in sentences)


def test_a_long_sentence_without_a_clause_is_parted_between_words():
    text = "the old grey cat and the young brown dog and " * 40
    sentences = read(text)
    sizes = [sum(len(word.phones) for word in sentence.words) for sentence in sentences]
    assert max(sizes) <= MAX_PHONES and min(sizes) >= MAX_PHONES / 4
    assert all(sentence.words[-1].stop == "," for sentence in sentences[:-1])
    accounted(text, sentences)


def test_a_word_of_five_thousand_letters_is_no_sentence_of_thousands():
    text = "a" * 5000
    sentences = read(text)
    assert max(sum(len(word.phones) for word in sentence.words) for sentence in sentences) <= MAX_PHONES
    accounted(text, sentences)


def test_stops_are_those_that_are_written():
    words = read("Well, yes; he said: no — really! What…")[0].words
    assert [word.stop for word in words] == [",", ";", "", ":", "—", "!"]
    assert read("hello")[0].words[-1].stop == "."
    assert [word.stop for word in read("at 5 a.m. we met, e.g. here.")[0].words] == ["", "", "", "", ",", "", "."]
    assert read("What?! No.")[0].words[0].stop == "?"


def test_pictures_and_other_scripts_are_left_out_and_named():
    sentences = read("Hello 世界, 😀 thumbs👍🏽 up. Привет! Bye.")
    assert [word.text for sentence in sentences for word in sentence.words] == ["Hello", "thumbs", "up.", "Bye."]
    assert notes_of(sentences) == ("left out, only English can be spoken: 世界, 😀, 👍🏽, Привет",)
    assert notes_of(read("Hello.")) == ()
    many = notes_of(read("x " + " ".join(chr(0x4E00 + n) for n in range(20))))
    assert many[0].endswith("and 12 more")


@pytest.mark.parametrize("text", ["你好世界", "😀😀", "...", " \n ", "", "—", "Привет мир", "'\"'", "\u200b\u200d"])
def test_nothing_to_say_is_refused(text):
    with pytest.raises(SettingsError, match="text: nothing in it can be spoken, got"):
        read(text)


def test_markup_is_only_text():
    words = read('<script>alert("x")</script> [a](/b/) ˈhɛ')[0].words
    assert "skɹˈɪpt" in sound_of(words[0]) and len(words) >= 3
    # Hibari's own markup for sounds is not obeyed.
    assert sound_of(read("[cat](/dˈɔɡ/)")[0].words[0]).startswith("kˈæt")


def test_reading_is_fast_and_loads_once():
    read("Ready.")
    text = "The quick brown fox jumps over the lazy dog, and on 5 May the rest of us watch. " * 100
    start = time.process_time()
    assert len(read(text)) == 100
    assert time.process_time() - start < 4
