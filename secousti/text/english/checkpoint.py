"""The letter-to-phoneme network of the g2p_en package, run in numpy without importing g2p_en.

Importing g2p_en starts downloads; its weights (a GRU encoder and decoder) are one npz file, which
is all that is needed here.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from secousti.errors import SecoustiError, install_command
from secousti.text.inventory import ARPABET_CONSONANTS, ARPABET_VOWELS, canonical

_END, _START, _LONGEST = 3, 2, 20
_LETTERS = {letter: index for index, letter in enumerate("abcdefghijklmnopqrstuvwxyz", start=3)}
_LETTER_END, _LETTER_UNKNOWN = 2, 1


def checkpoint_path() -> Path | None:
    """Where g2p_en's weights lie, None when the package is not installed."""
    package = importlib.util.find_spec("g2p_en")
    if package is None or package.origin is None:
        return None
    path = Path(package.origin).parent / "checkpoint20.npz"
    return path if path.is_file() else None


class LetterNetwork:
    """``network("kubernetes") -> ["K", "UW0", ...]``: ARPAbet of one word in lower case.

    Raises:
        SecoustiError: g2p_en is not installed, or its checkpoint is another version's.
    """

    def __init__(self) -> None:
        path = checkpoint_path()
        if path is None:
            raise SecoustiError(
                "the letter-to-phoneme network needs the g2p_en package; install it with: "
                + install_command("g2p")
            )
        with np.load(path, allow_pickle=False) as archive:
            self._weights = {name: archive[name].astype(np.float32) for name in archive.files}
        self._symbols = _output_symbols()
        if len(self._weights["fc_b"]) != len(self._symbols):
            raise SecoustiError(f"{path} is not the g2p_en 2.1 checkpoint; reinstall g2p_en")

    def __call__(self, word: str) -> list[str]:
        state = self._encode(word)
        previous, phonemes = _START, []
        for _ in range(_LONGEST):
            state = self._cell("dec", self._weights["dec_emb"][previous], state)
            previous = int(np.argmax(self._weights["fc_w"] @ state + self._weights["fc_b"]))
            if previous == _END:
                break
            symbol = canonical(self._symbols[previous], "en")
            if symbol is not None:
                phonemes.append(symbol)
        return phonemes

    def _encode(self, word: str) -> np.ndarray:
        state = np.zeros(self._weights["enc_w_hh"].shape[1], np.float32)
        for index in [*(_LETTERS.get(c, _LETTER_UNKNOWN) for c in word), _LETTER_END]:
            state = self._cell("enc", self._weights["enc_emb"][index], state)
        return state

    def _cell(self, side: str, x: np.ndarray, state: np.ndarray) -> np.ndarray:
        """One GRU step; the gates lie in the order reset, update, candidate."""
        w = self._weights
        inputs = np.split(w[f"{side}_w_ih"] @ x + w[f"{side}_b_ih"], 3)
        hidden = np.split(w[f"{side}_w_hh"] @ state + w[f"{side}_b_hh"], 3)
        reset = 1 / (1 + np.exp(-inputs[0] - hidden[0]))
        update = 1 / (1 + np.exp(-inputs[1] - hidden[1]))
        candidate = np.tanh(inputs[2] + reset * hidden[2])
        return (1 - update) * candidate + update * state


def _output_symbols() -> list[str]:
    """g2p_en's output alphabet: four marks, then ARPAbet in order with a bare UW among it."""
    stressed = [f"{vowel}{stress}" for vowel in ARPABET_VOWELS for stress in "012"]
    return ["<pad>", "<unk>", "<s>", "</s>", *sorted([*stressed, *ARPABET_CONSONANTS, "UW"])]
