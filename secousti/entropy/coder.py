"""The learned coder of tokens and voices, as :mod:`secousti.container.coders` asks for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from secousti.atomic import replacing
from secousti.entropy.network import Ints, Network
from secousti.entropy.range_code import Decoder, encode
from secousti.entropy.voice import VoiceCode


class LearnedCoder:
    """What a codec brings along.

    Attributes:
        token_hash: 8 hex digits over the model of tokens; empty without one.
        network: the model of tokens. voice: the code for voices.
        content: the file that it came from.
    """

    def __init__(
        self,
        network: Network | None,
        token_hash: str,
        voice: VoiceCode | None,
        content: bytes = b"",
    ) -> None:
        self.network = network
        self.token_hash = token_hash if network is not None else ""
        self.voice = voice
        self.content = content

    @property
    def codes_voices(self) -> bool:
        """Whether it has a code for voices."""
        return self.voice is not None

    def start(self) -> TokenStream:
        """The state before the first token."""
        assert self.network is not None
        return TokenStream(self.network)

    def encode_voice(self, codes: NDArray[np.int8], place: int | None) -> bytes:
        """A voice [N] (value * 127) as bytes; ``place``: how many its stream had before it."""
        assert self.voice is not None
        return self.voice.encode(codes, place)

    def save(self, path: str | Path) -> None:
        """Write the file that it came from."""
        with replacing(path) as partial:
            partial.write_bytes(self.content)

    def without_voice(self) -> LearnedCoder:
        """The model of tokens alone: for files whose voices another codec made."""
        return LearnedCoder(self.network, self.token_hash, None)

    def decode_voice(self, data: bytes) -> NDArray[np.int8]:
        """A voice [N] of its bytes."""
        assert self.voice is not None
        return self.voice.decode(data)


class TokenStream:
    """A model of tokens in the middle of a stream: what was said decides what is likely."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._state: Ints = np.zeros(network.hidden, np.int64)
        self._past: list[Ints] = []  # symbols of the last tokens, the latest first

    def compress(self, tokens: NDArray[np.int64]) -> bytes:
        """Code of tokens [N], and on to the state after them."""
        network = self._network
        symbols = network.symbols(tokens)
        states = self._through(symbols)
        tables = [network.probabilities(states, i, symbols) for i in range(len(network.groups))]
        return encode(symbols, tables)

    def decompress(self, data: bytes, count: int) -> NDArray[np.int64]:
        """Tokens [count] of their code.

        Raises:
            ValueError: the bytes are no code.
        """
        network, decoder = self._network, Decoder(data)
        symbols = np.zeros((count, len(network.groups)), np.int64)
        for row in symbols:
            for i in range(len(network.groups)):
                row[i] = decoder.symbol(network.probabilities(self._state, i, row))
            self._take(row)
        return network.tokens(symbols)

    def pass_over(self, tokens: NDArray[np.int64]) -> None:
        """On to the state after tokens [N] that were stored otherwise."""
        self._through(self._network.symbols(tokens))

    def _through(self, symbols: Ints) -> Ints:
        """The states [N, H] before each of the tokens [N, G]."""
        states = np.empty((len(symbols), self._network.hidden), np.int64)
        for row, state in zip(symbols, states, strict=True):
            state[:] = self._state
            self._take(row)
        return states

    def _take(self, row: Ints) -> None:
        self._past = [row, *self._past[: self._network.lags - 1]]
        self._state = self._network.step(self._state, self._past)
