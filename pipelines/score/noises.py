"""Noises that the sound starter learns, under the names that prompts call them, and the words that vary them."""

NOISES: dict[str, tuple[str, ...]] = {
    "rain": ("rain", "rain on a window", "rain falling", "rainfall", "rain on the roof", "rain shower", "raindrops"),
    "wind": ("wind", "wind blowing", "gusts of wind", "howling wind", "windstorm", "light breeze", "breeze"),
    "sea": ("sea", "ocean waves", "ocean", "waves on a beach", "sea waves", "waves breaking on the shore", "surf"),
    "stream": ("running water", "flowing water", "small stream", "stream", "brook", "river flowing", "babbling brook"),
    "bubbles": ("bubbles", "water bubbling", "bubbles in water"),
    "drips": ("dripping water", "water drops", "dripping tap", "water dripping", "drip"),
    "fire": ("fire", "crackling fire", "campfire", "fireplace", "burning wood"),
    "thunder": ("thunder", "rolling thunder", "thunder rumbling", "thunder crack", "thunderclap", "thunderstorm"),
    "heartbeat": ("heartbeat", "heart beating", "beating heart"),
    "footsteps": ("footsteps", "footsteps on gravel", "footsteps on a wooden floor", "walking steps", "walking"),
    "birds": ("birds chirping", "birds", "bird song", "birdsong", "birds singing", "bird tweeting"),
    "crickets": ("crickets", "crickets chirping", "crickets at night", "summer night"),
    "applause": ("applause", "crowd clapping", "audience applause", "clapping crowd"),
    "knock": ("door knock", "knocking on a door", "knock on wood", "someone knocking", "knock"),
    "saw": ("sawing wood", "hand saw", "saw cutting wood"),
    "explosion": ("explosion", "big explosion", "blast", "bomb exploding"),
    "noise": (
        "noise", "white noise", "pink noise", "brown noise", "blue noise", "static", "radio static", "hiss",
        "low rumbling noise",
    ),
    "tone": ("tone", "sine wave", "square wave", "sawtooth wave", "triangle wave", "sine tone", "test tone"),
    "sweep": ("sweep", "rising tone", "falling tone", "upward sweep", "downward sweep", "sine sweep up", "sine sweep"),
    "beeps": ("beeps", "beeping", "electronic beeps"),
    "alarm": ("alarm", "two tone alarm", "emergency alarm", "alarm sounding"),
    "siren": ("siren", "police siren", "ambulance siren", "wailing siren"),
    "clock": ("clock", "ticking clock", "clock ticking", "tick tock", "ticking"),
    "engine": ("engine", "engine hum", "motor running", "car engine", "idling engine", "truck idling"),
    "hum": ("electric hum", "mains hum", "transformer hum", "low electric buzz", "humming machine"),
    "bell": ("bell", "bell ringing", "bell strikes", "bell tolling", "ringing bell"),
    "gong": ("gong", "gong strike", "big gong", "gong hit"),
    "telephone": ("telephone", "telephone ringing", "phone ringing", "old telephone", "ringing phone"),
    "laser": ("laser", "laser gun", "laser shots", "space laser", "laser zaps"),
    "helicopter": ("helicopter", "helicopter flying", "chopper", "helicopter rotor"),
    "train": ("train", "train on rails", "train passing", "railway"),
    "typing": ("typing", "keyboard typing", "typing on a keyboard", "typewriter"),
    "robot": ("robot", "computer beeps", "robot talking", "random computer bleeps", "science fiction computer"),
    "riser": ("noise riser", "riser", "whoosh rising", "rising whoosh", "build up riser"),
    "whoosh": ("whoosh", "swoosh", "whooshing", "fast whoosh"),
}  # fmt: skip
MODIFIERS = (
    "slow", "fast", "low", "high", "light", "heavy", "strong", "gentle", "distant", "loud", "gravel", "wood", "white",
    "pink", "brown", "blue", "sine", "square", "sawtooth", "triangle", "rising", "falling",
)  # fmt: skip
SAME = {
    "howling": "strong", "windstorm": "strong", "soft": "gentle", "breeze": "gentle", "rumbling": "distant",
    "rolling": "distant", "crack": "loud", "thunderclap": "loud", "wooden": "wood", "static": "white", "hiss": "white",
    "up": "rising", "upward": "rising", "down": "falling", "downward": "falling", "quick": "fast", "rapid": "fast",
    "rainfall": "", "calm": "slow", "deep": "low",
}  # fmt: skip


def modifiers_of(text: str) -> tuple[str, ...]:
    """The :data:`MODIFIERS` that ``text`` holds, under whatever word, in their order."""
    words = {SAME.get(word, word) for word in text.lower().replace(",", " ").split()}
    return tuple(word for word in MODIFIERS if word in words)
