"""When the speaker's own voice is sent, for every kind of live session."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from secousti.sessions.encoder import StreamEncoder
from secousti.voice import quantize

# As soon as anything is there, and again when there is much more: seconds received.
_TIMES = (0.0, 0.25, 1.0, 3.5)


class VoiceClock:
    """The voice of a stream: soon, better, and then every ``refresh`` seconds.

    A session asks before each token (or run of tokens) that it makes; a codec without a voice
    is never due.
    """

    def __init__(self, encoder: StreamEncoder, refresh: float | None = None) -> None:
        self._encoder = encoder if encoder.codec.voice_size else None
        self._refresh = refresh
        self._next = 0.0

    def due(self, seconds: float) -> bool:
        """Whether it is to be sent now that ``seconds`` have been received."""
        return self._encoder is not None and seconds >= self._next

    def voice(self, seconds: float) -> NDArray[np.int8] | None:
        """The voice in its 8-bit form, int8 [V], if it is due and known."""
        if self._encoder is None or not self.due(seconds) or not self._encoder.knows_voice:
            return None
        return quantize(self._encoder.voice()[0]).cpu().numpy()

    def sent(self, seconds: float) -> None:
        """It went out after ``seconds``."""
        later = [time for time in _TIMES if time > seconds]
        refresh = math.inf if self._refresh is None else seconds + self._refresh
        self._next = later[0] if later else refresh


class VoicedEncoder:
    """The encoder of one live recording, and its voice clock.

    Args:
        refresh: send the voice again every so many seconds; by default only as it gets known.
        voice: send one at all.
    """

    def __init__(
        self, encoder: StreamEncoder, refresh: float | None = None, voice: bool = True
    ) -> None:
        self.encoder = encoder
        self._clock = VoiceClock(encoder, refresh) if voice else None
        self.received = 0  # samples

    @property
    def seconds(self) -> float:
        """Of sound received so far."""
        return self.received / self.encoder.sample_rate

    def push(
        self, samples: NDArray[np.float32], ended: bool = False
    ) -> tuple[NDArray[np.int8] | None, NDArray[np.int64]]:
        """Samples [N] -> the voice int8 [V] that begins with these tokens (if due), and the tokens
        int64 [K, L]; with ``ended`` all that are still owed.

        Raises:
            SecoustiError: NaN among the samples.
        """
        self.received += len(samples)
        runs = [self.encoder.push(samples)[0]]
        voice = None if self._clock is None else self._clock.voice(self.seconds)
        if ended:
            runs.append(self.encoder.flush()[0])
        codes = np.concatenate([run.cpu().numpy() for run in runs], axis=1)
        if not codes.shape[1] or voice is None or self._clock is None:
            return None, codes
        self._clock.sent(self.seconds)
        return voice, codes
