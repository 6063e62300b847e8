"""What the decoder is given in place of tokens that never arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from secousti.errors import SecoustiError

LOST = -1  # stands for a missing token in the codes given to a StreamDecoder

Strategy = Literal["repeat", "fade", "mask", "interpolate"]
DEFAULT: Strategy = "interpolate"
STRATEGIES: tuple[Strategy, ...] = ("repeat", "fade", "mask", "interpolate")


class Concealer:
    """Fills the gaps of one token stream.

    * ``repeat``: the last token that arrived;
    * ``fade``: that token, then its outer digits drawn to the middle, one step a gap token;
    * ``mask``: the token in the middle of the codebook (every digit 0);
    * ``interpolate``: digits between the tokens before and after a gap, if the one after it came
      in the same portion; else ``fade``. Measured to be the best (docs/live.md), so the default.

    A codec whose tokens have no digits (not FSQ) can only repeat.

    Only the codes are filled. The networks run on as ever, so nothing has to recover: once a
    window of true tokens has followed, the state is what it would have been.

    Args:
        codebook_size: entries of the codebook.
        levels: of a token's digits, least significant first; empty if it has none.
    """

    def __init__(self, codebook_size: int, levels: Sequence[int], strategy: Strategy) -> None:
        self._middle = codebook_size // 2
        self._levels = tuple(levels)
        self.switch(strategy)
        self.reset()

    def switch(self, strategy: Strategy) -> None:
        """Fill gaps like this from here on.

        Raises:
            SecoustiError: an unknown strategy, or one that this codec's tokens do not allow.
        """
        if strategy not in STRATEGIES:
            raise SecoustiError(f"concealment is one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if not self._levels and strategy in ("fade", "mask"):
            raise SecoustiError(f"concealment {strategy!r} needs an FSQ codec; use 'repeat'")
        self._strategy = strategy

    def reset(self) -> None:
        """A new stream: nothing has arrived yet."""
        self._last = self._middle
        self._gap = 0

    def fill(self, codes: Tensor) -> Tensor:
        """int64 [L] with ``LOST`` in it -> int64 [L] of real tokens."""
        given = codes.tolist()
        filled = []
        for i, code in enumerate(given):
            if code == LOST:
                self._gap += 1
                filled.append(self._replacement(given[i + 1 :]))
            else:
                self._last, self._gap = code, 0
                filled.append(code)
        return torch.tensor(filled, dtype=torch.int64)

    def _replacement(self, ahead: list[int]) -> int:
        if self._strategy == "mask":
            return self._middle
        if self._strategy == "repeat" or not self._levels:
            return self._last
        steps = next((n for n, code in enumerate(ahead, 1) if code != LOST), None)
        if self._strategy == "interpolate" and steps is not None:
            return self._between(ahead[steps - 1], self._gap, self._gap + steps)
        return self._shrunk(self._last, self._gap - 1)

    def _shrunk(self, code: int, steps: int) -> int:
        """Every digit ``steps`` levels closer to the middle."""
        return self._code(
            [max(d - steps, 0) if d > 0 else min(d + steps, 0) for d in self._digits(code)]
        )

    def _between(self, following: int, step: int, steps: int) -> int:
        """Digits at ``step`` of ``steps`` on the way from the last token to ``following``."""
        pairs = zip(self._digits(self._last), self._digits(following), strict=True)
        return self._code([round(a + (b - a) * step / steps) for a, b in pairs])

    def _digits(self, code: int) -> list[int]:
        """Of a token in mixed radix, centred on 0."""
        digits = []
        for level in self._levels:
            code, digit = divmod(code, level)
            digits.append(digit - level // 2)
        return digits

    def _code(self, digits: list[int]) -> int:
        code = 0
        for digit, level in zip(reversed(digits), reversed(self._levels), strict=True):
            code = code * level + digit + level // 2
        return code
