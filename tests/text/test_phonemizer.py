"""One phonemizer for both languages: nothing is dropped and nothing is downloaded."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from secousti.errors import SecoustiError, install_command
from secousti.text.english.g2p import EnglishG2p
from secousti.text.inventory import NUM_SYMBOLS, PUNCTUATION, UNKNOWN, language_of
from secousti.text.mandarin.normalize import cardinal
from secousti.text.mandarin.syllables import split_syllable
from secousti.text.phonemizer import Phonemizer

pytest.importorskip("num2words")
pytest.importorskip("pypinyin")


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    return Phonemizer(network=False)


def test_words_tile_the_symbols_between_marks(phonemizer: Phonemizer) -> None:
    result = phonemizer("Hello, 世界! I paid $5. 你好。")
    covered = [i for word in result.words for i in range(word.start, word.end)]
    marks = [i for i, symbol in enumerate(result.symbols) if i not in covered]
    assert covered == sorted(set(covered))
    assert [result.symbols[i] for i in marks] == [",", "!", ".", "."]
    assert result.language == "mixed"
    assert all({language_of(s) for s in result.of(w)} == {w.language} for w in result.words)


@pytest.mark.parametrize("language", [None, "en", "zh"])
@given(text=st.text(max_size=40))
@settings(max_examples=150, deadline=None)
def test_any_text_gives_inventory_ids_and_reports_what_it_cannot_read(
    phonemizer: Phonemizer, language: str | None, text: str
) -> None:
    result = phonemizer(text, language)
    assert all(0 <= index < NUM_SYMBOLS for index in result.ids)
    assert bool(result.unknown) == (UNKNOWN in result.symbols)
    again = phonemizer(text, language)
    assert again == result


@pytest.mark.parametrize("language", [None, "en", "zh"])
@pytest.mark.parametrize("character", ["😀", "☃", "п", "ا", "テ", "한", "𝄞", "ﬁx😀"])
def test_foreign_characters_are_reported(
    phonemizer: Phonemizer, character: str, language: str | None
) -> None:
    result = phonemizer(f"one {character} two", language)
    assert result.unknown == [character[-1]]
    assert result.symbols.count(UNKNOWN) == 1


@given(word=st.from_regex(r"[a-z]{1,14}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_every_latin_word_has_a_sound(phonemizer: Phonemizer, word: str) -> None:
    result = phonemizer(word, "en")
    assert result.unknown == []
    assert len(result.of(result.words[0])) >= 1


@given(value=st.integers(0, 10**16 - 1))
@settings(max_examples=300, deadline=None)
def test_mandarin_numbers_read_back(value: int) -> None:
    assert read_back(cardinal(value)) == value


def read_back(text: str) -> int:
    """Value of a Mandarin cardinal, by the place values it names."""
    total = section = digit = 0
    for char in text:
        if char in "零一二三四五六七八九":
            digit = "零一二三四五六七八九".index(char)
        elif char in "十百千":
            section += (digit or 1) * 10 ** ("十百千".index(char) + 1)
            digit = 0
        elif char == "万":
            total += (section + digit) * 10**4
            section = digit = 0
        elif char == "亿":
            total = (total + section + digit) * 10**8
            section = digit = 0
    return total + section + digit


def test_numbered_pinyin_is_read_under_mandarin_only(phonemizer: Phonemizer) -> None:
    assert phonemizer("nv3 reng2", "zh").symbols == ["n", "v3", "r", "eng2"]
    assert phonemizer("ma1", "en").language == "en"
    for text, symbols in (("a1", ["a1"]), ("e4", ["e4"]), ("o2 a5", ["o2", "a5"])):
        assert phonemizer(text, "zh").symbols == symbols
    assert phonemizer("A4", "zh").symbols[:1] == ["EY1"]  # a name, as paper has it


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_no_text_gives_no_phonemes(phonemizer: Phonemizer, text: str) -> None:
    assert phonemizer(text).symbols == []


def test_only_marks_give_only_marks(phonemizer: Phonemizer) -> None:
    result = phonemizer("?!…", "en")
    assert set(result.symbols) <= set(PUNCTUATION)
    assert result.words == []


def test_an_unknown_language_is_an_error(phonemizer: Phonemizer) -> None:
    with pytest.raises(SecoustiError, match="'fr'"):
        phonemizer("bonjour", "fr")
    with pytest.raises(SecoustiError, match="tagger"):
        EnglishG2p(tagger="spacy")


def test_no_network_is_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise AssertionError("the phonemizer opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert Phonemizer()("Kubernetes 在北京", None).unknown == []


def test_a_missing_package_names_its_extra() -> None:
    code = (
        "import sys; sys.modules['pypinyin'] = None\n"
        "from secousti.text.phonemizer import Phonemizer\n"
        "p = Phonemizer(network=False); assert p('hello').symbols\n"
        "try:\n    p('你好')\nexcept ValueError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert install_command("data") in run.stdout


def test_the_letter_network_agrees_with_the_package_it_comes_from() -> None:
    from secousti.text.english.checkpoint import LetterNetwork, checkpoint_path

    if checkpoint_path() is None:
        pytest.skip("g2p_en is not installed")
    network = LetterNetwork()
    assert network("kubernetes") == "K AH0 B ER1 N AH0 T S".split()
    assert network("tensorflow") == "T EH1 N S ER0 L OW0 F".split()


def test_the_gruut_tagger_reads_homographs() -> None:
    pytest.importorskip("gruut_lang_en")
    pytest.importorskip("gruut.pos")
    g2p = EnglishG2p(tagger="gruut", network=False)
    said = g2p("i refuse to collect the refuse".split())
    assert said[1] != said[-1]
    assert "gruut" in g2p.description


@pytest.mark.parametrize("syllable", ["", "ma", "ma6", "xyz1", "1", "zher", "bb1"])
def test_what_is_no_syllable_is_none(syllable: str) -> None:
    assert split_syllable(syllable) is None


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize(
    "text", ["1" * 5000, "$" + "9" * 5000, "1/" * 500, "1," * 500 + "1", "a" * 900]
)
def test_absurd_numbers_and_words_are_read_all_the_same(
    phonemizer: Phonemizer, text: str, language: str
) -> None:
    assert phonemizer(text, language).words
