"""One session: an explicit streaming state, and what goes in and out of it.

Everything here runs in the thread of the worker that the session belongs to, except the two
mailboxes, which connect it to the socket.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from secousti.base import Codec
from secousti.serve.errors import Refused
from secousti.serve.incoming import Incoming
from secousti.serve.items import AudioArrived, Token, TokensArrived, VoiceArrived
from secousti.serve.mailbox import Inbox, Outbox
from secousti.serve.messages import Change, Pcm, Start
from secousti.serve.meter import Timing
from secousti.serve.outgoing import Outgoing
from secousti.serve.recording import Results
from secousti.serve.token_path import TokenPath
from secousti.sessions.concealment import LOST
from secousti.sessions.decoder import StreamDecoder
from secousti.sessions.encoder import StreamEncoder
from secousti.sessions.voice_clock import VoiceClock


class Session:
    """A stream of one client through one codec.

    Args:
        mode: in which the codec decodes.
        voice: int8 [V] to speak in; ``None`` for the speaker's own.
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
        self.output = start.output or Pcm("f32le", codec.sample_rate)
        latency = round(1e3 * (codec.latency(mode) or 0) / codec.sample_rate, 2)
        self._out = Outgoing(codec, start, self.output, latency, outbox, results, result_seconds)
        rate = codec.sample_rate if start.input is None else start.input.rate
        self._in = Incoming(codec, rate, self._out) if start.encodes else None
        self.decoder = (
            StreamDecoder(codec, mode=mode, concealment=start.concealment)
            if start.decodes
            else None
        )
        self._tokens = TokenPath(start, self.decoder, self._out)
        if start.kind == "decode":
            self._out.ending.set_length(start.samples)
        self._clock = self._own_voice() if voice is None else None
        self._next_voice = voice  # to be announced with the next token
        self._most = most
        self._held: Any = None  # an item that must wait for the tokens before it
        self._ended = False  # nothing more will come in

    @property
    def encoder(self) -> StreamEncoder | None:
        """Of the sound that comes in, if any does."""
        return None if self._in is None else self._in.encoder

    def _own_voice(self) -> VoiceClock | None:
        """Sends the speaker's own voice, if sound comes in."""
        return None if self.encoder is None else VoiceClock(self.encoder, self.start.voice_refresh)

    # ---------------------------------------------------------------- what came in
    def prepare(self) -> None:
        """Take from the inbox what the next step needs, and no more."""
        while not self._ended and self._tokens.ready < self._most:
            if self._take_token():
                continue
            item = self._held if self._held is not None else self.inbox.take()
            self._held = None
            if item is None:
                return
            if not isinstance(item, (AudioArrived, TokensArrived)) and self._tokens.ready:
                self._held = item
                return
            self._accept(item)

    def _accept(self, item: Any) -> None:
        if isinstance(item, AudioArrived):
            assert self._in is not None
            self._in.put(item)
        elif isinstance(item, TokensArrived):
            self._receive(item)
        elif isinstance(item, VoiceArrived):
            self._next_voice, self._clock = item.codes, None
        elif isinstance(item, Change):
            self._change(item)
        else:
            self._ended = True

    def _change(self, change: Change) -> None:
        if change.changes_channel:
            self._tokens.change_channel(change)
        if change.concealment is not None and self.decoder is not None:
            self.decoder.conceal(change.concealment)
        if change.voice is not None:
            self._next_voice, self._clock = change.voice, None
        if change.own_voice:
            self._next_voice, self._clock = None, self._own_voice()

    def _take_token(self) -> bool:
        """Give the encoder the samples of one more token, if they are there."""
        if self._in is None:
            return False
        arrival = self._in.take_token(self._tokens.number)
        if arrival is None:
            return False
        self._tokens.complete(Token(arrival, self._voice_now()))
        return True

    def _receive(self, item: TokensArrived) -> None:
        queue = time.perf_counter() - item.arrival
        self._out.meter.seconds += len(item.codes) / self.codec.frame_rate
        fresh = [Token(item.arrival, None, code, queue) for code in item.codes.tolist()]
        fresh[0].voice = self._voice_now()
        self._tokens.pass_on(fresh, item.codes, item.codes == LOST)

    def _voice_now(self) -> NDArray[np.int8] | None:
        """The voice that begins with the token just completed, if one does."""
        if self._clock is not None:
            known = self._clock.voice(self._out.meter.seconds)
            if known is not None:
                self._clock.sent(self._out.meter.seconds)
                self._next_voice = known
        voice, self._next_voice = self._next_voice, None
        return voice

    # ---------------------------------------------------------------- the steps
    @property
    def to_encode(self) -> int:
        """Tokens that can be encoded now in one step."""
        return 0 if self._out.full else self._tokens.to_encode

    @property
    def to_decode(self) -> int:
        """Tokens that can be decoded now in one step."""
        return 0 if self._out.full or self.decoder is None else self._tokens.to_decode

    @property
    def to_finish(self) -> bool:
        """Whether only the end is left to be computed."""
        return self._ended and not self.done and not self._tokens.ready and not self._out.full

    @property
    def has_work(self) -> bool:
        """Whether there may be something to do for it."""
        waiting = self._tokens.ready or len(self.inbox) or self._held is not None
        return not self.done and not self._out.full and bool(waiting or self._ended)

    def encoded(self, codes: Tensor, begun: float, seconds: float, batch: int) -> None:
        """The tokens int64 [L] of a step that began at ``begun`` and took ``seconds``."""
        last = self._tokens.encoded(codes.cpu().numpy(), begun, seconds)
        if self.decoder is None:
            now = time.perf_counter()
            timing = Timing(now, last.queue, seconds, None, now - last.arrival, batch)
            self._out.meter.timed(timing)

    def take_tokens(self, count: int) -> tuple[Tensor, list[Token]]:
        """The next tokens for the decoder, int64 [count] with ``LOST`` in it."""
        return self._tokens.take(count)

    def decoded(self, audio: Tensor, taken: list[Token], seconds: float, batch: int) -> None:
        """The sound [N] of the tokens ``taken`` by a step that took ``seconds``."""
        self._out.sound(audio)
        now, last = time.perf_counter(), taken[-1]
        timing = Timing(now, last.queue, last.encode, seconds, now - last.arrival, batch)
        self._out.meter.timed(timing)

    def stats(self, server: dict[str, Any], now: float) -> None:
        """Send ``stats`` if they are due."""
        self._out.stats(server, now)

    def release(self) -> None:
        """Hand everything to the network."""
        self._out.release()

    # ---------------------------------------------------------------- the end
    def fail(self, reason: Refused) -> None:
        """End with an error."""
        self.done = True
        self._out.fail(reason)

    def finish(self, server: dict[str, Any]) -> None:
        """Compute what was still owed, and say goodbye."""
        self._finish_encoder()
        if self.decoder is not None:
            self._set_length()
            self._out.last_sound(torch.cat([*self._last_sound(), self.decoder.flush()[0, 0]]))
        self._out.done(server, 0 if self._in is None else self._in.samples)
        self.done = True

    def _finish_encoder(self) -> None:
        if self._in is None:
            return
        begun = time.perf_counter()
        arrival, codes = self._in.finish()
        voice = self._voice_now()
        if len(codes):
            fresh = [Token(arrival or begun, None) for _ in codes]
            fresh[0].voice = voice
            self._tokens.through_channel(fresh, codes, begun, time.perf_counter() - begun)

    def _set_length(self) -> None:
        """The sound is as long as what came in; of a client's word, no longer than its tokens."""
        ending = self._out.ending
        if self._in is not None:
            same_rate = self.start.input is not None and self.start.input.rate == self.output.rate
            ending.set_length(self._in.decoded_length(), self._in.samples if same_rate else None)
        elif self.start.samples is not None:
            most = self._out.meter.tokens * self.codec.frame_size
            ending.set_length(min(self.start.samples, most))

    def _last_sound(self) -> list[Tensor]:
        assert self.decoder is not None
        audio = []
        while self._tokens.ready:
            codes, _ = self._tokens.take(self.to_decode or 1)
            audio.append(self.decoder.push(codes)[0, 0])
        return audio
