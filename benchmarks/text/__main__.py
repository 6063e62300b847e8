"""How much of the held-out lines of the hard cases each text front end reads rightly.

    python -m benchmarks.text [--wrong] [--speed]

Needs the extra ``g2p`` and espeak-ng beside it; a front end that is missing is left out.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from unittest.mock import patch

from benchmarks.text.readers import (
    espeak_english,
    espeak_mandarin,
    g2p_en_reader,
    pypinyin_reader,
)
from benchmarks.text.scoring import english_is_right, espeak_is_right, pinyin_is_right
from secousti.text.mandarin import segment
from secousti.text.phonemizer import Phonemes, Phonemizer
from tests.text.cases import Case, cases, is_right, spoken_syllables

_NAMES = {"en": "English", "zh": "Mandarin"}
Judge = Callable[[Case], bool]
Column = tuple[str, Judge | None, Judge | None]  # name, right, right apart from tones (Mandarin)


def english_columns() -> Iterator[Column]:
    for name, phonemizer in (
        ("secousti", Phonemizer(network=False)),
        ("secousti, extra g2p (network, gruut's tagger)", Phonemizer(tagger="gruut", network=True)),
    ):
        yield name, _ours(phonemizer, "en"), None
    name, read = g2p_en_reader()
    yield name, lambda case: english_is_right(case, read), None
    yield "espeak-ng (en-us)", lambda case: english_is_right(case, espeak_english), None


def mandarin_columns() -> Iterator[Column]:
    for name, phonemizer in (
        ("secousti", Phonemizer(network=False)),
        ("secousti without jieba", _without_word_list()),
    ):
        yield name, _ours(phonemizer, "zh"), _ours(phonemizer, "zh", tones=False)
    name, read = pypinyin_reader()
    yield (
        name,
        lambda case: pinyin_is_right(case, read(case.text), tones=True),
        lambda case: pinyin_is_right(case, read(case.text), tones=False),
    )
    yield (
        "espeak-ng (cmn-latn-pinyin)",
        None,  # its tone contours change with the neighbours
        lambda case: espeak_is_right(case, espeak_mandarin),
    )


def _without_word_list() -> Phonemizer:
    phonemizer = Phonemizer(network=False)
    with patch.object(segment, "word_list_path", lambda: None):
        phonemizer("你好")  # the word list is read with the first Mandarin text
    return phonemizer


def _ours(phonemizer: Phonemizer, language: str, tones: bool = True) -> Judge:
    def judge(case: Case) -> bool:
        result = phonemizer(case.text, "en" if language == "en" else case.language)
        return is_right(case, result, language) if tones else _right_without_tones(case, result)

    return judge


def _right_without_tones(case: Case, result: Phonemes) -> bool:
    spoken = _toneless(" ".join(spoken_syllables(result)))
    return any(spoken == _toneless(said) for said in case.spoken())


def _toneless(text: str) -> str:
    return "".join(char for char in text if not char.isdigit())


def table(language: str, columns: Iterator[Column], wrong: bool) -> None:
    """Print one line a front end."""
    held = [case for case in cases(language) if case.held]
    heads = ["right"] if language == "en" else ["right", "right apart from tones"]
    title = f"{_NAMES[language]}, {len(held)} held-out lines"
    print("\n| " + " | ".join([title, *heads]) + " |\n" + "|---" * (len(heads) + 1) + "|")
    for name, *judges in columns:
        cells = [_share(judge, held) for judge in judges[: len(heads)]]
        print("| " + " | ".join([name, *cells]) + " |")
        if wrong and judges[0] is not None:
            print(*(f"    {case.text}" for case in held if not judges[0](case)), sep="\n")


def _share(judge: Judge | None, held: list[Case]) -> str:
    return f"{100 * sum(map(judge, held)) / len(held):.1f} %" if judge else "-"


def speed() -> None:
    """Print lines a second of CPU time over all lines of the tables, and the memory it takes."""
    for language in ("en", "zh"):
        texts = [case.text for case in cases(language)]
        before, start = _memory(), time.process_time()
        phonemizer = Phonemizer(network=False)
        phonemizer(texts[0], language)
        loaded = time.process_time() - start
        start = time.process_time()
        for _ in range(5):
            for text in texts:
                phonemizer(text, language)
        seconds = time.process_time() - start
        print(
            f"{language}: {5 * len(texts) / seconds:,.0f} lines/s of "
            f"{sum(map(len, texts)) / len(texts):.0f} characters, loading {loaded:.1f} s, "
            f"{_memory() - before:.0f} MB"
        )


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wrong", action="store_true", help="name the lines that are read wrongly")
    parser.add_argument("--speed", action="store_true", help="lines a second and memory instead")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    table("en", english_columns(), arguments.wrong)
    table("zh", mandarin_columns(), arguments.wrong)


if __name__ == "__main__":
    main()
