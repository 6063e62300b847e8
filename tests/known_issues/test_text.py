"""Text that was read wrongly: each line is a kind of fault that users of such tools reported."""

from __future__ import annotations

import pytest

from secousti.text.mandarin.syllables import split_syllable
from secousti.text.phonemizer import Phonemizer


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    pytest.importorskip("jieba")
    return Phonemizer(network=False)


# Users saw: 很长 read as zhǎng, 两只 as zhǐ, 调低 as diào (python-pinyin#46, #135, #157).
@pytest.mark.parametrize(
    ("text", "place", "pinyin"),
    [
        ("时间太长", 3, "chang2"),
        ("这只狗", 1, "zhi1"),
        ("我只要", 1, "zhi3"),
        ("调低一度", 0, "tiao2"),
        ("农业银行总行", 5, "hang2"),
        ("教我中文", 0, "jiao1"),
        ("量一下体温", 0, "liang2"),
        ("背着书包", 0, "bei1"),
        ("炸鸡", 0, "zha2"),
        ("把书还给他", 2, "huan2"),
        ("脸涨红了", 1, "zhang4"),
        ("给我盛一碗汤", 2, "cheng2"),
        ("电子", 1, "zi3"),
        ("吃不着", 2, "zhao2"),
    ],
)
def test_readings_by_context(phonemizer: Phonemizer, text: str, place: int, pinyin: str) -> None:
    result = phonemizer(text, "zh")
    assert result.of(result.words[place]) == split_syllable(pinyin)


# Users saw: the adverbial 地 read dì after every word that the dictionary of polyphones lacks.
@pytest.mark.parametrize(
    ("text", "place", "pinyin"),
    [
        ("快速地跑", 2, "de5"),
        ("安静地等", 2, "de5"),
        ("大声地喊", 2, "de5"),
        ("雨不停地下", 3, "de5"),
        ("一步一步地走", 4, "de5"),
        ("很快地，他走了", 2, "de5"),
        ("草地上", 1, "di4"),
        ("这块地很大", 2, "di4"),
    ],
)
def test_adverbial_di(phonemizer: Phonemizer, text: str, place: int, pinyin: str) -> None:
    result = phonemizer(text, "zh")
    assert result.of(result.words[place]) == split_syllable(pinyin)


# Users saw: A4, PM2.5 and CO2 taken for numbered pinyin (ChatTTS#93, CosyVoice#247).
@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("A4纸", "A四纸"),
        ("PM2.5超标", "PM二点五超标"),
        ("二氧化碳CO2", "二氧化碳CO二"),
        ("v2版本", "V二版本"),
        ("Ａ１高速", "A一高速"),
        ("C₆₀分子", "C六十分子"),
        ("GPT-4o", "GPT四O"),
        ("ma1 bei3", "ma1bei3"),
    ],
)
def test_letters_and_figures_in_mandarin(phonemizer: Phonemizer, text: str, spoken: str) -> None:
    result = phonemizer(text, "zh")
    assert result.text.replace(" ", "") == spoken
    assert result.unknown == []


# Users saw: signs dropped, so that a text says the opposite of what is written.
@pytest.mark.parametrize(
    ("text", "language", "spoken"),
    [
        ("a != b", "en", "A not equal to B"),
        ("a ≠ b", "en", "A not equal to B"),
        ("x <= 5", "en", "X less than or equal to five"),
        ("-$5", "en", "minus five dollars"),
        ("−1/2", "en", "minus one half"),
        ("grade A- work", "en", "grade A minus work"),
        ("5 - 3 = 2", "en", "five minus three equals two"),
        ("3≠4", "zh", "三不等于四"),
        ("3<=4", "zh", "三小于等于四"),
        ("-8~-2℃", "zh", "零下八到零下二摄氏度"),
        ("-￥5", "zh", "负五元"),
        ("5-3=2", "zh", "五减三等于二"),
        ("6÷2", "zh", "六除以二"),
    ],
)
def test_nothing_is_read_as_its_opposite(
    phonemizer: Phonemizer, text: str, language: str, spoken: str
) -> None:
    assert phonemizer(text, language).text.replace(" ", "") == spoken.replace(" ", "")


# Users saw: the letter A read as the article (PaddleSpeech#3318, KAN-TTS#97).
@pytest.mark.parametrize(
    ("text", "vowel"),
    [
        ("vitamin A", "EY1"),
        ("Plan A failed", "EY1"),
        ("A4 paper", "EY1"),
        ("Audi A4", "EY1"),
        ("A$10", None),
        ("A cat", "AH0"),
        ("I saw a cat", "AH0"),
        ("A股", "EY1"),
    ],
)
def test_the_letter_a(phonemizer: Phonemizer, text: str, vowel: str | None) -> None:
    result = phonemizer(text)
    vowels = [result.of(word)[0] for word in result.words if word.text in ("a", "A")]
    assert vowels == ([vowel] if vowel else [])


# Users saw: a full stop in the middle of a decimal with letters behind it (pocket-tts PR#188).
@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("1.5x", "one point five X"),
        ("98.6F", "ninety eight point six F"),
        ("1.7B", "one point seven B"),
        ("v2.0.1", "V two point zero point one"),
        ("6.02e23", "six point zero two E twenty three"),
        ("5.5pp", "five point five pp"),
    ],
)
def test_decimals_with_letters(phonemizer: Phonemizer, text: str, spoken: str) -> None:
    assert phonemizer(text, "en").text == spoken


# Users saw: units in Mandarin cut in two (5km/s), telephone and plate numbers as quantities.
@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("5km/s", "五公里每秒"),
        ("血压120mmHg", "血压一百二十毫米汞柱"),
        ("重5㎏", "重五公斤"),
        ("400-820-8820", "四零零，八二零，八八二零"),
        ("京A12345", "京A幺二三四五"),
        ("Ⅱ型", "二型"),
    ],
)
def test_units_and_codes_in_mandarin(phonemizer: Phonemizer, text: str, spoken: str) -> None:
    assert phonemizer(text, "zh").text.replace(" ", "") == spoken
