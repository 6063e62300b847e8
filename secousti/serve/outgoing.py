"""What goes out of a session: voices, tokens, sound, mel columns, figures, and the kept result."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.base import Codec
from secousti.serve.errors import Refused
from secousti.serve.mailbox import Message, Outbox
from secousti.serve.messages import Pcm, Start
from secousti.serve.meter import Meter
from secousti.serve.packets import audio_packet, tokens_packet, voice_packet
from secousti.serve.recording import Recorder, Results
from secousti.serve.sound import MelTap
from secousti.sessions.concealment import LOST
from secousti.sessions.ending import Ending

STATS_SECONDS = 0.5


class Outgoing:
    """Messages of one session, gathered until ``release`` hands them to the network.

    Args:
        output: format and rate of the sound that leaves.
        latency_ms: algorithmic, as ``stats`` tell it.
        result_seconds: of sound in a session whose result is kept.
    """

    def __init__(
        self,
        codec: Codec,
        start: Start,
        output: Pcm,
        latency_ms: float,
        outbox: Outbox,
        results: Results,
        result_seconds: float,
    ) -> None:
        self.codec, self.start, self.output = codec, start, output
        self.meter = Meter(codec.bits_per_frame, 8 * codec.voice_size)
        self.ending = Ending(codec, output.rate)
        self._box, self._latency = outbox, latency_ms
        self._results, self._result_seconds = results, result_seconds
        self._mel = MelTap(codec, codec.sample_rate, output=True) if start.mel else None
        self._recorder: Recorder | None = None
        if start.result:
            source = start.input.rate if start.encodes and start.input is not None else None
            self._recorder = Recorder(codec, source, output.rate if start.decodes else None)
        self._messages: list[Message] = []
        self._stats_due = 0.0

    def add(self, messages: list[bytes]) -> None:
        """Packets that are ready to go."""
        self._messages += messages

    def voice(self, voice: NDArray[np.int8], position: int) -> None:
        """A voice [V] for the tokens from ``position`` on."""
        self.meter.sent(voices=1)
        if self._recorder is not None:
            self._recorder.voice(voice)
        if self.start.tokens:
            self._messages.append(voice_packet(voice, position))

    def tokens(self, codes: NDArray[np.int64], lost: NDArray[np.bool_]) -> None:
        """Tokens [L] as they were sent, and which of them the channel lost."""
        position = self.meter.tokens
        self.meter.sent(len(codes), int(lost.sum()))
        known = np.where(codes == LOST, self.codec.codebook_size // 2, codes)
        if self._recorder is not None:
            self._recorder.tokens(known)
        if self.start.tokens:
            size = self.codec.codebook_size
            self._messages.append(tokens_packet(known, position, size, lost))

    def sound(self, audio: Tensor) -> None:
        """Decoded samples [N], at the codec's rate."""
        self._sound(*self.ending.push(audio))

    def last_sound(self, audio: Tensor) -> None:
        """The decoder's last samples [N]: what was held back goes too."""
        self._sound(*self.ending.finish(audio))
        if self._mel is not None:
            self._messages += self._mel.finish()

    def _sound(self, decoded: NDArray[np.float32], out: NDArray[np.float32]) -> None:
        if self._mel is not None:
            self._messages += self._mel.push(torch.from_numpy(decoded))
        if not len(out):
            return
        if self._recorder is not None:
            self._recorder.sound(out)
        self._messages.append(audio_packet(out, self.samples - len(out), self.output.format))

    @property
    def samples(self) -> int:
        """Of sound that went out."""
        return self.ending.resampled.given

    def stats(self, server: dict[str, Any], now: float) -> None:
        """``stats``, if they are due."""
        if now >= self._stats_due:
            self._stats_due = now + STATS_SECONDS
            self._stats(server)

    def _stats(self, server: dict[str, Any]) -> None:
        fields = {**self.meter.totals(), **self.meter.recent(), **server}
        self._messages.append({"type": "stats", **fields, "algorithmic_latency_ms": self._latency})

    def done(self, server: dict[str, Any], samples_in: int) -> None:
        """The last ``stats``, and ``done``."""
        self._stats(server)
        totals = {
            **self.meter.totals(),
            "samples_in": samples_in,
            "samples_out": self.samples,
        }
        self._messages.append({"type": "done", **totals, "result": self._result(samples_in)})

    def _result(self, samples_in: int) -> dict[str, Any] | None:
        if not self.start.result:
            return None
        if self._recorder is None:
            longest = f"{self._result_seconds:g} seconds"
            return {"refused": f"results are kept of sessions of at most {longest} of sound"}
        most = self.meter.tokens * self.codec.frame_size
        whole = self.ending.decoded.total
        result = self._recorder.finish(most if whole is None else min(whole, most), samples_in)
        self._recorder = None
        return self._results.keep(result)

    @property
    def full(self) -> bool:
        """Whether the client should read before more is computed for it."""
        return self._box.full

    def release(self) -> None:
        """Hand everything to the network."""
        if self._recorder is not None and self.meter.seconds > self._result_seconds:
            self._recorder = None
        messages, self._messages = self._messages, []
        self._box.put(messages)

    def fail(self, reason: Refused) -> None:
        """The end, by an error."""
        self._box.put([{"type": "error", **reason.as_dict()}])
