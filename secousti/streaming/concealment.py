"""What the decoder hears in place of tokens that never arrived."""

from __future__ import annotations

from typing import Literal, Protocol

import torch
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.semantic.fsq import FSQ

LOST = -1  # stands for a missing token in the codes given to a StreamDecoder

Strategy = Literal["repeat", "fade", "mask", "interpolate"]
DEFAULT: Strategy = "interpolate"
STRATEGIES: tuple[Strategy, ...] = ("repeat", "fade", "mask", "interpolate")


class HasCodebook(Protocol):
    """A quantizer, or a codec whose quantizer has no digits."""

    codebook_size: int


class Concealer:
    """Fills the gaps of one stream.

    * ``repeat``: the last token that arrived;
    * ``fade``: that token, then its outer digits drawn to the middle, one step a gap token;
    * ``mask``: the token in the middle of the codebook (every digit 0);
    * ``interpolate``: digits between the tokens before and after a gap, if the one after it came
      in the same portion; else ``fade``. Measured to be the best (docs/live.md), so the default.

    A codec whose tokens have no digits (not FSQ) can only repeat.

    Only the codes are filled. The networks run on as ever, so nothing has to recover: once a
    window of true tokens has followed, the state is what it would have been.
    """

    def __init__(self, quantizer: HasCodebook, strategy: Strategy) -> None:
        self._quantizer = quantizer
        self.switch(strategy)
        self.reset()

    def switch(self, strategy: Strategy) -> None:
        """Fill gaps like this from here on.

        Raises:
            SecoustiError: an unknown strategy, or one that this codec's tokens do not allow.
        """
        if strategy not in STRATEGIES:
            raise SecoustiError(f"concealment is one of {', '.join(STRATEGIES)}, not {strategy!r}")
        if not isinstance(self._quantizer, FSQ) and strategy in ("fade", "mask"):
            raise SecoustiError(f"concealment {strategy!r} needs an FSQ codec; use 'repeat'")
        self._strategy = strategy

    def reset(self) -> None:
        """A new stream: nothing has arrived yet."""
        self._last = self._quantizer.codebook_size // 2  # the middle one
        self._gap = 0

    def fill(self, codes: Tensor) -> Tensor:
        """int64 [L] with ``LOST`` in it -> int64 [L] of real tokens."""
        filled = codes.clone()
        for i, code in enumerate(codes.tolist()):
            if code == LOST:
                self._gap += 1
                filled[i] = self._replacement(codes[i + 1 :])
            else:
                self._last, self._gap = code, 0
        return filled

    def _replacement(self, ahead: Tensor) -> int:
        if self._strategy == "mask":
            return self._quantizer.codebook_size // 2
        if self._strategy == "repeat" or not isinstance(self._quantizer, FSQ):
            return self._last
        arrived = (ahead != LOST).nonzero()
        if self._strategy == "interpolate" and len(arrived):
            distance = int(arrived[0]) + 1
            return self._between(int(ahead[distance - 1]), self._gap, self._gap + distance)
        return self._shrunk(self._last, self._gap - 1)

    def _shrunk(self, code: int, steps: int) -> int:
        """Every digit ``steps`` levels closer to the middle."""
        digits = self._digits(code)
        return self._code(digits.sign() * (digits.abs() - steps).clamp(min=0))

    def _between(self, following: int, step: int, steps: int) -> int:
        """Digits at ``step`` of ``steps`` on the way from the last token to ``following``."""
        a, b = self._digits(self._last), self._digits(following)
        return self._code(torch.round(a + (b - a) * step / steps))

    def _digits(self, code: int) -> Tensor:
        assert isinstance(self._quantizer, FSQ)
        device = self._quantizer.basis.device
        return self._quantizer.digits(torch.tensor([[code]], device=device))

    def _code(self, digits: Tensor) -> int:
        assert isinstance(self._quantizer, FSQ)
        return int(self._quantizer.index(digits))
