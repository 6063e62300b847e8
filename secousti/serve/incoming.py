"""What comes into a session as sound: samples that wait for the encoder, and their mel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.resample import resampler
from secousti.base import Codec
from secousti.serve.items import AudioArrived
from secousti.serve.sound import MelTap, Waiting, samples_for
from secousti.sessions.encoder import StreamEncoder

if TYPE_CHECKING:
    from secousti.serve.outgoing import Outgoing


class Incoming:
    """The sound of one client on its way into the encoder, token by token.

    Args:
        rate: Hz of the sound.
        out: takes its mel columns, if the client wants them, and counts its seconds.
    """

    def __init__(self, codec: Codec, rate: int, out: Outgoing) -> None:
        self.encoder = StreamEncoder(codec, sample_rate=rate)
        self._codec, self._rate, self._out = codec, rate, out
        self._resampler = resampler(rate, codec.sample_rate)
        self._waiting = Waiting()
        self._mel = MelTap(codec, rate, output=False) if out.start.mel else None

    @property
    def samples(self) -> int:
        """Of sound that ever came."""
        return self._waiting.total

    def put(self, item: AudioArrived) -> None:
        """Samples that arrived."""
        self._waiting.put(item.samples, item.arrival)

    def take_token(self, token: int) -> float | None:
        """Give the encoder the samples of token number ``token``.

        Returns:
            When the last of them arrived; ``None`` if they are not all there yet.
        """
        count = samples_for(token, self._codec, self._resampler) - self._waiting.taken
        if self._waiting.total - self._waiting.taken < count:
            return None
        return self._encoder_takes(count)

    def finish(self) -> tuple[float, NDArray[np.int64]]:
        """Encode the rest: when its last sample arrived (0 for none), and its tokens [L]."""
        arrival = self._encoder_takes(self._waiting.total - self._waiting.taken)
        codes: Tensor = self.encoder.flush()[0, 0]
        if self._mel is not None:
            self._out.add(self._mel.finish())
        return arrival, codes.cpu().numpy()

    def decoded_length(self) -> int:
        """Samples of all sound that came, at the codec's rate."""
        return self._resampler.output_length(self._waiting.total)

    def _encoder_takes(self, count: int) -> float:
        samples, arrival = self._waiting.take(count)
        sound = torch.from_numpy(samples)
        if len(sound):
            self.encoder.receive(sound)
        if self._mel is not None:
            self._out.add(self._mel.push(sound))
        self._out.meter.seconds = self._waiting.taken / self._rate
        return arrival
