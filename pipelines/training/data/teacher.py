"""The main voice, hibari (a network distilled from Kokoro), with the time of every phone."""

from collections.abc import Iterator

import numpy as np

from pipelines.reading.phones import PHONES, SILENCE, is_pause
from pipelines.training.data.spoken import Spoken

UNIT = 0.025  # seconds: hibari counts in these
# By how many of them its alignment is late: hisses and vowels are heard 53 ms before it has them, in 200 sentences, and
# those of the other voices when they are told. Kokoro's own time stamps are moved too.
LATE = 2


class Teacher:
    """The main voice, hibari, with the time of each of its symbols."""

    # The network rounds its durations here; as an output they are the alignment.
    LENGTHS = "/Cast_32_output_0"

    def __init__(self, sound: bool = True) -> None:
        """With ``sound`` off only the part of the network is run that times symbols."""
        import onnx
        import onnx.utils
        import onnxruntime
        from hibari import Hibari

        self.own = Hibari()
        graph = onnx.load(self.own.model_path)
        if sound:
            lengths = onnx.helper.make_tensor_value_info(self.LENGTHS, onnx.TensorProto.INT64, None)
            graph.graph.output.append(lengths)
        else:
            graph = onnx.utils.Extractor(graph).extract_model(["ids", "speed"], [self.LENGTHS])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def symbols(self, text: str) -> list[str] | None:
        """What it reads ``text`` as; None where it takes more than one breath."""
        phonemes = self.own.phonemize(text)
        return [symbol for symbol in phonemes[0] if symbol in self.own.vocab] if len(phonemes) == 1 else None

    def run(self, symbols: list[str], speed: float = 1.0) -> tuple[list[np.ndarray], np.ndarray]:
        """The parts of a wave, as ``hibari.dsp`` puts them together, and the seconds of each symbol.

        The silences before and after the symbols have seconds too.
        """
        ids = np.asarray([[0, *(self.own.vocab[symbol] for symbol in symbols), 0]], np.int64)
        *parts, lengths = self._session.run(None, {"ids": ids, "speed": np.asarray([speed], np.float32)})
        return parts, sooner(lengths.ravel()) * UNIT


def sooner(lengths: np.ndarray) -> np.ndarray:
    """``lengths`` in units with every end :data:`LATE` sooner, but the last, and none before the beginning."""
    ends = np.cumsum(lengths)
    ends[:-1] = np.maximum(ends[:-1] - LATE, 0)
    return np.diff(ends, prepend=0)


def reading(texts: list[str]) -> Iterator[tuple[str, Spoken]]:
    """Each of ``texts`` of one breath, a third of them faster or slower, with the phones and their seconds."""
    from hibari import dsp

    teacher = Teacher()
    for number, text in enumerate(texts):
        rng = np.random.default_rng(number)
        kept = teacher.symbols(text)
        if kept is None:
            continue
        speed = np.float32(rng.choice([1.0, 1.0, rng.uniform(0.8, 1.25)]))
        parts, seconds = teacher.run(kept, float(speed))
        wave = dsp.synth(*(part[0] for part in parts), rng)
        phones, begins = phones_of(kept, seconds)
        yield text, Spoken(wave, phones, begins, float(speed))


def phones_of(symbols: list[str], seconds: np.ndarray) -> tuple[list[tuple[str, int, float]], tuple[int, ...]]:
    """The teacher's symbols without the soundless ones, with silence around them, and which of them begin a word.

    A mark's time goes to its vowel, a space's to both sides.
    """
    phones: list[tuple[str, int, float]] = []
    begins: list[int] = []
    stress, carried, inside = 0, 0.0, False
    for symbol, length in zip([SILENCE, *symbols, SILENCE], seconds, strict=True):
        if symbol in "ˈˌ":
            stress, carried = 1 + "ˈˌ".index(symbol), carried + float(length)
        elif symbol not in PHONES:  # a space, a quotation mark, a bracket
            inside = False
            if phones:
                last = phones[-1]
                phones[-1] = (last[0], last[1], last[2] + float(length) / 2)
                carried += float(length) / 2
            else:
                carried += float(length)
        else:
            pause = is_pause(symbol)
            if not inside and not pause:
                begins.append(len(phones))
            inside = not pause
            phones.append((symbol, stress, carried + float(length)))
            stress, carried = 0, 0.0
    if carried and phones:
        last = phones[-1]
        phones[-1] = (last[0], last[1], last[2] + carried)
    return phones, tuple(begins)
