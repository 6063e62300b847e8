"""One session: an explicit streaming state, and what goes in and out of it.

Everything here runs in the thread of the worker that the session belongs to, except the two
mailboxes, which connect it to the socket.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.audio.resample import resampler
from secousti.base import Codec
from secousti.serve.errors import Refused
from secousti.serve.items import Heard, Received, Spoken, Token
from secousti.serve.mailbox import Inbox, Message, Outbox
from secousti.serve.messages import Change, Pcm, Start
from secousti.serve.meter import Meter, Timing
from secousti.serve.packets import audio_packet, tokens_packet, voice_packet
from secousti.serve.recording import Recorder, Results
from secousti.serve.sound import MelTap, Sound, Waiting, samples_for
from secousti.sessions.channel import Channel
from secousti.sessions.concealment import LOST
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.ending import Ending
from secousti.sessions.voice_clock import VoiceClock

STATS_SECONDS = 0.5


class Session:
    """A stream of one client through one codec.

    Args:
        mode: in which the codec decodes.
        voice: int8 [64] to speak in; ``None`` for the speaker's own.
        most: tokens it may ask for in one step.
    """

    def __init__(
        self,
        name: str,
        model: str,
        codec: Codec,
        mode: str,
        start: Start,
        voice: NDArray[np.int8] | None,
        inbox: Inbox,
        outbox: Outbox,
        results: Results,
        result_seconds: float,
        most: int,
    ) -> None:
        self.name, self.model, self.start = name, model, start
        self.codec, self.mode = codec, mode
        self.inbox, self.outbox = inbox, outbox
        self.done = False  # nothing more will come out of it
        self.finished = False  # the client has read all of it
        self._results, self._result_seconds, self._most = results, result_seconds, most
        self._input = start.input or Pcm("f32le", codec.sample_rate)
        self.output = start.output or Pcm("f32le", codec.sample_rate)
        self._resampler = resampler(self._input.rate, codec.sample_rate)
        self._channel = Channel(start.loss, start.burst, start.seed, start.concealment)
        self._transmission = self._channel.open()
        self.encoder = self._encoder() if start.encodes else None
        self.decoder = self._decoder() if start.decodes else None
        self._ending = Ending(codec, self.output.rate)
        if start.kind == "decode":
            self._ending.set_length(start.samples)
        self._heard_mel = MelTap(codec, self._input.rate, output=False)
        self._spoken_mel = MelTap(codec, codec.sample_rate, output=True)
        self.meter = Meter(codec.bits_per_frame, 8 * codec.voice_size)
        self._recorder: Recorder | None = None
        if start.result:
            source = self._input.rate if start.encodes else None
            self._recorder = Recorder(codec, source, self.output.rate if start.decodes else None)
        self._clock = self._own_voice() if voice is None else None
        self._next_voice = voice  # to be announced with the next token
        self._waiting = Waiting()
        self._heard: deque[Token] = deque()  # not yet encoded
        self._tokens: deque[Token] = deque()  # on their way to the decoder
        self._held: Any = None  # an item that must wait for the tokens before it
        self._ended = False  # nothing more will come in
        self._out: list[Message] = []
        self._stats_due = 0.0

    def _encoder(self) -> StreamEncoder:
        return StreamEncoder(self.codec, sample_rate=self._input.rate)

    def _decoder(self) -> StreamDecoder:
        concealment = self._channel.concealment
        return StreamDecoder(self.codec, mode=self.mode, concealment=concealment)

    def _own_voice(self) -> VoiceClock | None:
        """Sends the voice of who is heard, if anybody is."""
        return None if self.encoder is None else VoiceClock(self.encoder, self.start.voice_refresh)

    # ---------------------------------------------------------------- what came in
    def prepare(self) -> None:
        """Take from the inbox what the next step needs, and no more."""
        while not self._ended and self._ready() < self._most:
            if self._hear_token():
                continue
            item = self._held if self._held is not None else self.inbox.take()
            self._held = None
            if item is None:
                return
            if not isinstance(item, (Heard, Received)) and self._ready():
                self._held = item
                return
            self._accept(item)

    def _ready(self) -> int:
        return max(len(self._heard), len(self._tokens))

    def _accept(self, item: Any) -> None:
        if isinstance(item, Heard):
            self._waiting.put(item.samples, item.arrival)
        elif isinstance(item, Received):
            self._receive(item)
        elif isinstance(item, Spoken):
            self._next_voice, self._clock = item.codes, None
        elif isinstance(item, Change):
            self._change(item)
        else:
            self._ended = True

    def _change(self, change: Change) -> None:
        if change.changes_channel:
            self._change_channel(change)
        if change.concealment is not None and self.decoder is not None:
            self.decoder.conceal(change.concealment)
        if change.voice is not None:
            self._next_voice, self._clock = change.voice, None
        if change.own_voice:
            self._next_voice, self._clock = None, self._own_voice()

    def _change_channel(self, change: Change) -> None:
        fresh = self.start.seed + self.meter.tokens  # other losses than at the start, but the same
        self._channel = replace(
            self._channel,
            loss=self._channel.loss if change.loss is None else change.loss,
            burst=change.burst if change.sets_burst else self._channel.burst,
            seed=fresh if change.seed is None else change.seed,
        )
        self._transmission = self._channel.open()

    def _hear_token(self) -> bool:
        """Give the encoder the samples of one more token, if they are there."""
        if self.encoder is None:
            return False
        token = self.meter.tokens + len(self._heard)
        count = samples_for(token, self.codec, self._resampler) - self._waiting.taken
        if self._waiting.total - self._waiting.taken < count:
            return False
        self._heard.append(Token(self._hear(count), self._voice_now()))
        assert self.encoder.ready() == len(self._heard)
        return True

    def _hear(self, count: int) -> float:
        samples, arrival = self._waiting.take(count)
        sound = torch.from_numpy(samples)
        assert self.encoder is not None
        if len(sound):
            self.encoder.hear(sound)
        if self.start.mel:
            self._out += self._heard_mel.push(sound)
        self.meter.seconds = self._waiting.taken / self._input.rate
        return arrival

    def _receive(self, item: Received) -> None:
        queue = time.perf_counter() - item.arrival
        self.meter.seconds += len(item.codes) / self.codec.frame_rate
        fresh = [Token(item.arrival, None, code, queue) for code in item.codes.tolist()]
        fresh[0].voice = self._voice_now()
        self._pass_on(fresh, item.codes, item.codes == LOST)

    def _voice_now(self) -> NDArray[np.int8] | None:
        """The voice that begins with the token just heard, if one does."""
        if self._clock is not None:
            known = self._clock.voice(self.meter.seconds)
            if known is not None:
                self._clock.sent(self.meter.seconds)
                self._next_voice = known
        voice, self._next_voice = self._next_voice, None
        return voice

    # ---------------------------------------------------------------- the steps
    @property
    def to_encode(self) -> int:
        """Tokens that can be encoded now in one step: those before the next voice."""
        return 0 if self.outbox.full else _until_voice(self._heard)

    @property
    def to_decode(self) -> int:
        """Tokens that can be decoded now in one step: those before the next voice."""
        return 0 if self.outbox.full or self.decoder is None else _until_voice(self._tokens)

    @property
    def to_finish(self) -> bool:
        """Whether only the end is left to be computed."""
        ready = self._heard or self._tokens
        return self._ended and not self.done and not ready and not self.outbox.full

    @property
    def has_work(self) -> bool:
        """Whether there may be something to do for it."""
        waiting = self._heard or self._tokens or len(self.inbox) or self._held is not None
        return not self.done and not self.outbox.full and bool(waiting or self._ended)

    def encoded(self, codes: Tensor, begun: float, seconds: float, batch: int) -> None:
        """The tokens int64 [L] of a step that began at ``begun`` and took ``seconds``."""
        fresh = [self._heard.popleft() for _ in range(len(codes))]
        self._through_channel(fresh, codes.cpu().numpy(), begun, seconds)
        if self.decoder is None:
            now, last = time.perf_counter(), fresh[-1]
            timing = Timing(now, last.queue, seconds, None, now - last.arrival, batch)
            self.meter.timed(timing)

    def _through_channel(
        self, fresh: list[Token], codes: NDArray[np.int64], begun: float, seconds: float
    ) -> None:
        received = self._transmission.send(torch.from_numpy(codes)).numpy()
        lost = received == LOST
        for token, code in zip(fresh, received.tolist(), strict=True):
            token.code = code
            token.queue, token.encode = begun - token.arrival, seconds
        self._pass_on(fresh, codes, lost)

    def _pass_on(
        self, fresh: list[Token], codes: NDArray[np.int64], lost: NDArray[np.bool_]
    ) -> None:
        """Tokens with a voice at most at their first: to the decoder, the client, the file."""
        position = self.meter.tokens
        if fresh[0].voice is not None:
            self._send_voice(fresh[0].voice, position)
        self.meter.sent(len(codes), int(lost.sum()))
        if self.decoder is not None:
            self._tokens.extend(fresh)
        self._send_tokens(codes, lost, position)

    def take_tokens(self, count: int) -> tuple[Tensor, list[Token]]:
        """The next tokens for the decoder, int64 [count] with ``LOST`` in it."""
        taken = [self._tokens.popleft() for _ in range(count)]
        assert self.decoder is not None
        if taken[0].voice is not None:
            self.decoder.set_voice(taken[0].voice)
        return torch.tensor([token.code for token in taken]), taken

    def decoded(self, audio: Tensor, taken: list[Token], seconds: float, batch: int) -> None:
        """The sound [N] of the tokens ``taken`` by a step that took ``seconds``."""
        self._send_audio(*self._ending.push(audio))
        now, last = time.perf_counter(), taken[-1]
        timing = Timing(now, last.queue, last.encode, seconds, now - last.arrival, batch)
        self.meter.timed(timing)

    # ---------------------------------------------------------------- what goes out
    def _send_voice(self, voice: NDArray[np.int8], position: int) -> None:
        self.meter.sent(voices=1)
        if self._recorder is not None:
            self._recorder.voice(voice)
        if self.start.tokens:
            self._out.append(voice_packet(voice, position))

    def _send_tokens(
        self, codes: NDArray[np.int64], lost: NDArray[np.bool_], position: int
    ) -> None:
        known = np.where(codes == LOST, self.codec.codebook_size // 2, codes)
        if self._recorder is not None:
            self._recorder.tokens(known)
        if self.start.tokens:
            size = self.codec.codebook_size
            self._out.append(tokens_packet(known, position, size, lost))

    def _send_audio(self, decoded: Sound, out: Sound) -> None:
        if self.start.mel:
            self._out += self._spoken_mel.push(torch.from_numpy(decoded))
        if not len(out):
            return
        if self._recorder is not None:
            self._recorder.sound(out)
        position = self._sent - len(out)
        self._out.append(audio_packet(out, position, self.output.format))

    def stats(self, server: dict[str, Any], now: float) -> None:
        """Send ``stats`` if they are due."""
        if now >= self._stats_due:
            self._stats_due = now + STATS_SECONDS
            self._send_stats(server)

    def _send_stats(self, server: dict[str, Any]) -> None:
        latency = round(1e3 * (self.codec.latency(self.mode) or 0) / self.codec.sample_rate, 2)
        fields = {**self.meter.totals(), **self.meter.recent(), **server}
        self._out.append({"type": "stats", **fields, "algorithmic_latency_ms": latency})

    def release(self) -> None:
        """Hand everything to the network."""
        if self._recorder is not None and self.meter.seconds > self._result_seconds:
            self._recorder = None
        out, self._out = self._out, []
        self.outbox.put(out)

    # ---------------------------------------------------------------- the end
    def fail(self, reason: Refused) -> None:
        """End with an error."""
        self.done = True
        self.outbox.put([{"type": "error", **reason.as_dict()}])

    def finish(self, server: dict[str, Any]) -> None:
        """Compute what was still owed, and say goodbye."""
        total = self._finish_encoder()
        if self.decoder is not None:
            audio = torch.cat([*self._last_sound(), self.decoder.flush()[0, 0]])
            if self.encoder is not None:
                self._ending.set_length(self._ending.decoded.total, total)
            self._send_audio(*self._ending.finish(audio))
            self._out += self._spoken_mel.finish() if self.start.mel else []
        self._send_stats(server)
        self._out.append({"type": "done", **self._totals(), "result": self._result()})
        self.done = True

    def _finish_encoder(self) -> int | None:
        """Encode the rest; the samples of sound that are to go out, if they are known."""
        if self.encoder is None:
            return None
        begun = time.perf_counter()
        arrival = self._hear(self._waiting.total - self._waiting.taken) or begun
        voice = self._voice_now()
        codes = self.encoder.flush()[0, 0].cpu().numpy()
        if len(codes):
            fresh = [Token(arrival, None) for _ in codes]
            fresh[0].voice = voice
            self._through_channel(fresh, codes, begun, time.perf_counter() - begun)
        self._out += self._heard_mel.finish() if self.start.mel else []
        heard = self._waiting.total
        self._ending.decoded.total = self._resampler.output_length(heard)
        return heard if self.output.rate == self._input.rate else None

    def _last_sound(self) -> list[Tensor]:
        assert self.decoder is not None
        audio = []
        while self._tokens:
            codes, _ = self.take_tokens(self.to_decode or 1)
            audio.append(self.decoder.push(codes)[0, 0])
        return audio

    @property
    def _sent(self) -> int:
        """Samples of sound that went out."""
        return self._ending.resampled.given

    def _totals(self) -> dict[str, Any]:
        return {
            **self.meter.totals(),
            "samples_in": self._waiting.total,
            "samples_out": self._sent,
        }

    def _result(self) -> dict[str, Any] | None:
        if not self.start.result:
            return None
        if self._recorder is None:
            longest = f"{self._result_seconds:g} seconds"
            return {"refused": f"results are kept of sessions of at most {longest} of sound"}
        most = self.meter.tokens * self.codec.frame_size
        samples = (
            most if self._ending.decoded.total is None else min(self._ending.decoded.total, most)
        )
        result = self._recorder.finish(samples, self._waiting.total)
        self._recorder = None
        return self._results.keep(result)


def _until_voice(tokens: Iterable[Token]) -> int:
    """How many stand before the next one that begins with a voice."""
    later = itertools.islice(tokens, 1, None)
    before = sum(1 for _ in itertools.takewhile(lambda token: token.voice is None, later))
    return before + any(True for _ in tokens)
