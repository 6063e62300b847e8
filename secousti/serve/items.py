"""What travels through a session: the items that the socket puts into its inbox, and its tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from secousti.serve.sound import Sound
from secousti.sessions.concealment import LOST


@dataclass(frozen=True)
class AudioArrived:
    """``AUDIO`` that arrived: samples [N] at the session's input rate."""

    samples: Sound
    arrival: float


@dataclass(frozen=True)
class TokensArrived:
    """``TOKENS`` that arrived: int64 [L] with ``LOST`` in it."""

    codes: NDArray[np.int64]
    arrival: float


@dataclass(frozen=True)
class VoiceArrived:
    """``VOICE`` that arrived: int8 [64]."""

    codes: NDArray[np.int8]


@dataclass(frozen=True)
class Ended:
    """``end``."""


@dataclass
class Token:
    """One token on its way: first without its code, then to the decoder.

    Attributes:
        arrival: of the packet that completed it; queue: seconds until its step began.
        encode: seconds of the step that made it.
        voice: int8 [64] that begins with it, if one does.
    """

    arrival: float
    voice: NDArray[np.int8] | None
    code: int = LOST
    queue: float = 0.0
    encode: float | None = None
