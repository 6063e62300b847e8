"""The inventory's ids are part of every trained model: they are pinned here."""

from __future__ import annotations

import hashlib

import pytest

from secousti.errors import SecoustiError
from secousti.text import inventory
from secousti.text.inventory import SYMBOLS, canonical, language_of, symbol_ids, symbols_of

FIRST_RELEASE = 321  # symbols of the first release; later ones may only follow them


def test_the_ids_of_the_first_release_never_move() -> None:
    digest = hashlib.sha256(" ".join(SYMBOLS[:FIRST_RELEASE]).encode()).hexdigest()
    assert len(SYMBOLS) >= FIRST_RELEASE
    assert digest[:16] == "210461cec512bce1"


def test_symbols_are_unique_and_padding_is_zero() -> None:
    assert len(set(SYMBOLS)) == len(SYMBOLS) == inventory.NUM_SYMBOLS
    assert symbol_ids([inventory.PAD]) == [0]


def test_ids_and_symbols_are_inverse() -> None:
    assert symbol_ids(symbols_of(range(len(SYMBOLS)))) == list(range(len(SYMBOLS)))


@pytest.mark.parametrize("ids", [[-1], [inventory.NUM_SYMBOLS]])
def test_ids_outside_the_inventory_are_errors(ids: list[int]) -> None:
    with pytest.raises(SecoustiError, match="outside"):
        symbols_of(ids)


def test_unknown_symbol_is_named() -> None:
    with pytest.raises(SecoustiError, match="'QQ'"):
        symbol_ids(["AH0", "QQ"])


@pytest.mark.parametrize(
    ("label", "language", "symbol"),
    [
        ("AH0", None, "AH0"),
        ("AH0_B", None, "AH0"),
        ("K_S", "en", "K"),
        ("IH_I", "en", "IH1"),
        ("ah", "en", "AH0"),
        ("ax", "en", "AH0"),
        ("zh", "en", "ZH"),
        ("zh", "zh", "zh"),
        ("üe4", "zh", "ve4"),
        ("IY1", "zh", "IY1"),
        ("", None, "sil"),
        ("sp", "zh", "sil"),
        ("SIL", "en", "sil"),
        ("spn", None, "spn"),
        ("<unk>", None, "spn"),
        ("tʂ", "zh", None),
        ("QQ", "en", None),
    ],
)
def test_labels_of_other_conventions(label: str, language: str | None, symbol: str | None) -> None:
    assert canonical(label, language) == symbol


def test_languages_share_only_silence_noise_and_punctuation() -> None:
    shared = [s for s in SYMBOLS if language_of(s) is None]
    assert set(shared) == {"<pad>", "<unk>", "sil", "spn", *inventory.PUNCTUATION}
    assert language_of("B") == "en"
    assert language_of("b") == language_of("a5") == language_of("rr") == "zh"
