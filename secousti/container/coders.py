"""What a codec may bring along to store its tokens and its voice in fewer bits.

:mod:`secousti.entropy` implements it; the container asks for no more than this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from secousti.container.header import Header


class TokenState(Protocol):
    """A model of tokens in the middle of a stream."""

    def compress(self, tokens: NDArray[np.int64]) -> bytes:
        """Code of tokens [N], and on to the state after them."""

    def decompress(self, data: bytes, count: int) -> NDArray[np.int64]:
        """Tokens [count] of their code; a ``ValueError`` if it cannot be one."""

    def pass_over(self, tokens: NDArray[np.int64]) -> None:
        """On to the state after tokens that were stored otherwise."""


class Coder(Protocol):
    """A learned entropy coder of tokens, a code for voices, or both.

    ``token_hash``: hash of the entropy coder, 8 hex digits, empty if there is none;
    ``codes_voices``: whether it has a code for voices.
    """

    @property
    def token_hash(self) -> str:
        """See the class."""

    @property
    def codes_voices(self) -> bool:
        """See the class."""

    def start(self) -> TokenState:
        """The state before the first token."""

    def encode_voice(self, codes: NDArray[np.int8], place: int | None) -> bytes:
        """Code of a voice, 24 bytes; shorter for the first ones of a stream, of which ``place``
        were sent before.
        """

    def decode_voice(self, data: bytes) -> NDArray[np.int8]:
        """A voice of its code; a ``ValueError`` if it cannot be one."""


# The coders at hand that may have made a file, given its header.
Coders: TypeAlias = "Callable[[Header], Sequence[Coder]]"


def no_coders(header: Header) -> Sequence[Coder]:
    """Nothing at hand: files with learned codes cannot be read."""
    return ()
