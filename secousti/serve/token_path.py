"""The tokens of a session, from encoder or client through the channel to the decoder."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.serve.items import Token
from secousti.serve.messages import Change, Start
from secousti.serve.outgoing import Outgoing
from secousti.sessions.channel import Channel
from secousti.sessions.concealment import LOST
from secousti.sessions.decoder import StreamDecoder


class TokenPath:
    """Two queues of tokens, one before the encoder's step and one before the decoder's.

    Args:
        decoder: of the session; ``None`` where tokens only leave.
    """

    def __init__(self, start: Start, decoder: StreamDecoder | None, out: Outgoing) -> None:
        self._seed, self._decoder, self._out = start.seed, decoder, out
        self._channel = Channel(start.loss, start.burst, start.seed, start.concealment)
        self._transmission = self._channel.open()
        self._unencoded: deque[Token] = deque()  # their samples are there
        self._sent: deque[Token] = deque()  # on their way to the decoder

    @property
    def number(self) -> int:
        """Of the next token whose samples are awaited."""
        return self._out.meter.tokens + len(self._unencoded)

    @property
    def ready(self) -> int:
        """Tokens that wait for a step."""
        return max(len(self._unencoded), len(self._sent))

    @property
    def to_encode(self) -> int:
        """Tokens that can be encoded in one step: those before the next voice."""
        return _until_voice(self._unencoded)

    @property
    def to_decode(self) -> int:
        """Tokens that can be decoded in one step: those before the next voice."""
        return _until_voice(self._sent)

    def complete(self, token: Token) -> None:
        """The encoder has what it takes for one more token."""
        self._unencoded.append(token)

    def encoded(self, codes: NDArray[np.int64], begun: float, seconds: float) -> Token:
        """The codes [L] of a step over tokens that were complete; the last of them."""
        fresh = [self._unencoded.popleft() for _ in range(len(codes))]
        self.through_channel(fresh, codes, begun, seconds)
        return fresh[-1]

    def through_channel(
        self, fresh: list[Token], codes: NDArray[np.int64], begun: float, seconds: float
    ) -> None:
        """Tokens of a step that began at ``begun``: some may be lost on the way."""
        received = self._transmission.send(torch.from_numpy(codes)).numpy()
        for token, code in zip(fresh, received.tolist(), strict=True):
            token.code = code
            token.queue, token.encode = begun - token.arrival, seconds
        self.pass_on(fresh, codes, received == LOST)

    def pass_on(
        self, fresh: list[Token], codes: NDArray[np.int64], lost: NDArray[np.bool_]
    ) -> None:
        """Tokens with a voice at most at their first: to the decoder, the client, the file."""
        if fresh[0].voice is not None:
            self._out.voice(fresh[0].voice, self._out.meter.tokens)
        if self._decoder is not None:
            self._sent.extend(fresh)
        self._out.tokens(codes, lost)

    def take(self, count: int) -> tuple[Tensor, list[Token]]:
        """The next tokens for the decoder, int64 [count] with ``LOST`` in it."""
        taken = [self._sent.popleft() for _ in range(count)]
        assert self._decoder is not None
        if taken[0].voice is not None:
            self._decoder.set_voice(taken[0].voice)
        return torch.tensor([token.code for token in taken]), taken

    def change_channel(self, change: Change) -> None:
        """Other losses from the next token on."""
        fresh = self._seed + self._out.meter.tokens  # others than at the start, but the same
        self._channel = replace(
            self._channel,
            loss=self._channel.loss if change.loss is None else change.loss,
            burst=change.burst if change.sets_burst else self._channel.burst,
            seed=fresh if change.seed is None else change.seed,
        )
        self._transmission = self._channel.open()


def _until_voice(tokens: Iterable[Token]) -> int:
    """How many stand before the next one that begins with a voice."""
    later = itertools.islice(tokens, 1, None)
    before = sum(1 for _ in itertools.takewhile(lambda token: token.voice is None, later))
    return before + any(True for _ in tokens)
