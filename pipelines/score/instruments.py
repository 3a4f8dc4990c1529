"""Instruments that the sound starter learns, as General MIDI programs under plain names."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Attributes:
        name: what captions call it first.
        synonyms: what else they call it.
        programs: General MIDI programs (0 to 127) that sound like it.
        octave: MIDI key of the C that begins its middle octave; low and high lie an octave beside it.
        sustains: whether a held note goes on, as with a bow or breath.
    """

    name: str
    synonyms: tuple[str, ...]
    programs: tuple[int, ...]
    octave: int = 60
    sustains: bool = False


INSTRUMENTS = (
    Instrument("piano", ("grand piano", "acoustic piano"), (0, 1)),
    Instrument("electric piano", ("rhodes piano", "rhodes"), (4, 5)),
    Instrument("harpsichord", ("cembalo",), (6,)),
    Instrument("celesta", ("celeste",), (8,), 72),
    Instrument("glockenspiel", ("orchestra bells",), (9,), 72),
    Instrument("music box", ("musical box",), (10,), 72),
    Instrument("vibraphone", ("vibes",), (11,)),
    Instrument("marimba", ("wooden marimba",), (12,)),
    Instrument("xylophone", ("wooden xylophone",), (13,), 72),
    Instrument("tubular bells", ("chimes", "church bells"), (14,)),
    Instrument("organ", ("electric organ", "hammond organ"), (16, 18), 60, True),
    Instrument("church organ", ("pipe organ", "cathedral organ"), (19,), 60, True),
    Instrument("accordion", ("squeezebox",), (21,), 60, True),
    Instrument("harmonica", ("mouth organ", "blues harp"), (22,), 60, True),
    Instrument("guitar", ("acoustic guitar", "classical guitar"), (24, 25), 48),
    Instrument("electric guitar", ("clean electric guitar",), (26, 27), 48),
    Instrument("distorted guitar", ("rock guitar", "overdriven guitar"), (29, 30), 48, True),
    Instrument("bass", ("bass guitar", "electric bass"), (33, 34), 36),
    Instrument("synth bass", ("electronic bass",), (38, 39), 36),
    Instrument("violin", ("solo violin", "fiddle"), (40,), 60, True),
    Instrument("cello", ("violoncello",), (42,), 48, True),
    Instrument("double bass", ("contrabass",), (43,), 36, True),
    Instrument("pizzicato strings", ("plucked strings", "pizzicato"), (45,)),
    Instrument("harp", ("concert harp",), (46,)),
    Instrument("timpani", ("kettledrum",), (47,), 36),
    Instrument("strings", ("string orchestra", "string section", "string ensemble"), (48, 49), 60, True),
    Instrument("choir", ("singing choir", "voices"), (52, 53), 60, True),
    Instrument("trumpet", ("solo trumpet",), (56,), 60, True),
    Instrument("trombone", ("slide trombone",), (57,), 48, True),
    Instrument("tuba", ("bass tuba",), (58,), 36, True),
    Instrument("french horn", ("horn",), (60,), 48, True),
    Instrument("brass", ("brass section", "brass band"), (61,), 60, True),
    Instrument("saxophone", ("sax", "alto sax"), (65, 66), 60, True),
    Instrument("oboe", ("solo oboe",), (68,), 60, True),
    Instrument("bassoon", ("solo bassoon",), (70,), 48, True),
    Instrument("clarinet", ("solo clarinet",), (71,), 60, True),
    Instrument("flute", ("concert flute",), (73,), 72, True),
    Instrument("recorder", ("wooden recorder",), (74,), 72, True),
    Instrument("pan flute", ("panpipes",), (75,), 72, True),
    Instrument("whistle", ("whistling",), (78,), 72, True),
    Instrument("synth lead", ("lead synthesizer", "square lead"), (80, 81), 60, True),
    Instrument("synth pad", ("pad", "warm pad"), (89, 88), 60, True),
    Instrument("sitar", ("indian sitar",), (104,)),
    Instrument("banjo", ("five string banjo",), (105,)),
    Instrument("koto", ("japanese koto",), (107,)),
    Instrument("kalimba", ("thumb piano",), (108,)),
    Instrument("bagpipe", ("bagpipes",), (109,), 60, True),
    Instrument("steel drum", ("steelpan",), (114,)),
)
BY_NAME = {instrument.name: instrument for instrument in INSTRUMENTS}

DRUM_KITS = {0: "", 8: "", 16: "", 24: "electronic", 25: "808", 32: "jazz", 40: "brush"}
