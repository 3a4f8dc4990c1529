"""The alphabet of what is spoken: pauses, vowels and consonants of American English, one character each."""

from dataclasses import dataclass

SILENCE = "_"
STOPS = ",;:.!?—…"  # punctuation that a voice hears, each a pause of its own kind
# IPA, with Kokoro's letters for diphthongs (A eI, I aI, O oU, W aU, Y OI), T for the flap of "water", a small schwa,
# and ɐ for the articles "a" and "an"; the alphabet of hibari's lexicon.
VOWELS = "AIOWYæɑəɐᵊɛɜɪᵻiɔuʊʌ"
CONSONANTS = "bdfhjklmnpstvwzðŋɡɹɾTʃʒʔʤʧθ"
PHONES = SILENCE + STOPS + VOWELS + CONSONANTS
# What hibari's net for unknown words may write besides, and what its lexicon's last step folds.
_SPELLINGS = {"a": "ɑ", "y": "u", "ʀ": "ɹ", "ɾ": "T", "ʔ": "t", "g": "ɡ", "r": "ɹ", "e": "ɛ", "o": "ɔ"}
_STRESS = {"ˈ": 1, "ˌ": 2}


def is_pause(symbol: str) -> bool:
    """Whether a phone is silence or the pause of a punctuation mark."""
    return symbol == SILENCE or symbol in STOPS


@dataclass(frozen=True)
class Phone:
    """One of ``PHONES``; ``stress`` is 0 for none, 1 for the main stress of a word, 2 for a lesser one."""

    symbol: str
    stress: int = 0


def phones_of(spelling: str) -> tuple[Phone, ...]:
    """Phones of a spelling with stress marks, such as 'həlˈO'; a mark goes to the next vowel, the rest is left out."""
    found: list[Phone] = []
    stress = 0
    for letter in spelling:
        stress = _STRESS.get(letter, stress)
        symbol = _SPELLINGS.get(letter, letter)
        if symbol in VOWELS:
            found.append(Phone(symbol, stress))
            stress = 0
        elif symbol in PHONES and symbol != SILENCE:
            found.append(Phone(symbol))
    return tuple(found)
