"""``Codec``: what every codec is, has and does; nobody needs to ask which one it is."""

from __future__ import annotations

import weakref
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from secousti.ambient import inference
from secousti.audio.batch import Audio, AudioBatch, as_batch
from secousti.audio.io import check_audio
from secousti.audio.reader import AudioReader
from secousti.audio.resample import resampler
from secousti.encoded import Encoded, with_voice
from secousti.errors import SecoustiError
from secousti.facts import ALL, DescribedCodec, Mode
from secousti.frontend import Frontend, SampleFrontend
from secousti.hub.resolve import add_class
from secousti.samples import as_samples
from secousti.streaming.state import State
from secousti.voice import on_the_wire

Precision: TypeAlias = Literal["float32", "float16", "int8"]  # of the weights of a live codec
_LONG, _BLOCK = 60, 10  # seconds: of a recording that is not taken at once, and of its parts
MOST_TOKENS = 512  # worked on at once by default, so that a long recording needs no large memory


class Codec(DescribedCodec):
    """Speech to tokens and back, whole or as a stream.

    Audio is float32 [B, 1, N] in [-1, 1], codes are int64 [B, K, L], a voice is float32 [B, V] in
    [-1, 1], lengths are int64 [B]. A codec sets the attributes and implements the steps (the four
    abstract methods); everything else follows, or is overridden where a codec knows a faster way.
    What is pushed through the steps token by token is what ``encode`` and ``decode`` give at once.

    The attributes are those of ``facts.DescribedCodec``.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "kind" in vars(cls):
            add_class(cls)

    def for_streaming(self, precision: Precision = "float32") -> Codec:
        """This codec rebuilt to run live on one core, or itself if there is nothing to rebuild.

        Raises:
            SecoustiError: a precision of weights that it does not have.
        """
        if precision != "float32":
            raise SecoustiError(
                f"the model {self.model_id!r} runs live in float32 only, not in {precision}"
            )
        return self

    # ---------------------------------------------------------------- audio <-> Encoded
    @inference
    def encode(
        self,
        audio: Audio | Iterable[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
        voice: bool = True,
    ) -> Encoded:
        """Recordings -> tokens, and who speaks if the codec keeps a voice.

        The voice comes in the steps in which it travels (8 bits a number), so what is decoded here
        and what is decoded from a file are the same sound.

        Args:
            audio: a batch array [N], [B, N] or [B, C, N]; or a recording or a list of them, each a
                path, bytes, an open file, an array, (array, rate), or an audio dict of Hugging
                Face datasets (see ``audio.batch.as_batch``).
            sample_rate: Hz of arrays that do not carry it, needed for those.
            lengths: samples that count in each row of a batch array.
            voice: also compute the voice, which costs time.

        A row's tokens do not depend on its batch, on padding, on ``train()``, or on the caller's
        autocast, gradients and default dtype.

        Raises:
            SecoustiError: an array without its rate; input that is no audio, is empty, out of
                scale, or holds NaN.
        """
        return self._encode(as_batch(audio, self.sample_rate, sample_rate, lengths), voice)

    @inference
    def encode_batch(self, batch: AudioBatch, voice: bool = True) -> Encoded:
        """``encode`` of rows that are at the codec's rate and checked already."""
        return self._encode(batch, voice)

    @inference
    def encode_reader(self, audio: AudioReader, voice: bool = True) -> Encoded:
        """``encode`` of one open recording, in memory that does not grow with its length.

        A codec that is not causal reads all of it first, and so does one whose recording does not
        tell its length: which window the voice is taken from depends on it.

        Raises:
            SecoustiError: as ``encode``, and a recording that is damaged.
        """
        frames, rate = audio.frames, audio.sample_rate
        if not self.causal or frames is None or frames <= _LONG * rate:
            samples = as_samples(audio.read_all().mean(axis=1), what=audio.name)
            return self.encode((check_audio(samples, audio.name), rate), voice=voice)
        frontend, state = self.frontend(rate), self.encoder_state(1)
        resample = resampler(rate, self.sample_rate)
        frontend.expect(resample.output_length(frames))
        received, codes = 0, []
        for samples in _blocks(audio):
            received += len(samples)
            frontend.push(samples)
            found, state = self.encode_step(frontend.take(frontend.ready)[None], state)
            codes.append(found.cpu())
        frontend.flush()
        if frontend.pending.shape[-1]:
            codes.append(self.encode_step(frontend.pending[None], state)[0].cpu())
        whole = torch.cat(codes, dim=-1).to(self.device)
        return self._as_encoded(
            whole,
            torch.tensor([whole.shape[-1]], device=self.device),
            torch.tensor([resample.output_length(received)]),
            self.voice_step(frontend.recent) if voice and self.voice_size else None,
        )

    @inference
    def voice(
        self,
        audio: Audio | Iterable[Audio],
        sample_rate: int | None = None,
        lengths: Tensor | Sequence[int] | None = None,
    ) -> Tensor:
        """Who speaks in recordings given as to ``encode``, float32 [B, voice_size] in [-1, 1].

        Raises:
            SecoustiError: as ``encode``, or a codec that keeps no voice.
        """
        self.check_voice()
        return on_the_wire(self._voices(as_batch(audio, self.sample_rate, sample_rate, lengths)))

    @inference
    def decode(
        self,
        encoded: Encoded | Tensor,
        sample_rate: int | None = None,
        mode: Mode = ALL,
        *,
        voice: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        """Audio float32 [B, 1, N]; rows shorter than the longest end in zeros.

        Args:
            encoded: what ``encode`` gave, or codes alone: integers [B, L] or [B, K, L].
            sample_rate: Hz of the result, the codec's own if not given.
            mode: one of ``modes``.
            voice: [1, V] or [B, V] to speak in, instead of the one in ``encoded``.
            options: of the codec's own decoder.

        Raises:
            SecoustiError: codes of another shape or type, outside the codebook; an unknown mode;
                a voice of another shape, with NaN, or beyond [-1, 1].
        """
        self.check_decodes()
        self.check_mode(mode)
        whole = encoded if isinstance(encoded, Encoded) else self._bare(encoded)
        codes = self.check_codes(whole.codes).to(self.device)
        vectors = self.voices_for(whole.paralinguistic if voice is None else voice, len(codes))
        rows = self._decode(codes, whole.lengths, vectors, mode, **options)
        resample = resampler(self.sample_rate, sample_rate or self.sample_rate)
        audio = [
            resample(_exactly(row.float().clamp(-1, 1), int(n)))
            for row, n in zip(rows, whole.num_samples, strict=True)
        ]
        return pad_sequence(audio, batch_first=True)[:, None]

    def decode_mel(self, encoded: Encoded) -> Tensor:
        """Log-mel [B, n_mels, T], for codecs whose decoder makes one.

        Raises:
            SecoustiError: this one does not.
        """
        raise SecoustiError(f"the model {self.model_id!r} decodes to audio without a log-mel")

    def convert(
        self,
        source: Audio | Encoded,
        reference: Audio | Encoded,
        sample_rate: int | None = None,
    ) -> Tensor:
        """Voice conversion: what ``source`` says in the voice of ``reference``, [B, 1, N].

        Raises:
            SecoustiError: as ``encode`` and ``decode``; a codec or a reference without a voice.
        """
        self.check_voice()
        tokens = source
        if not isinstance(tokens, Encoded):
            tokens = self.encode(tokens, sample_rate, voice=False)
        if isinstance(reference, Encoded):
            return self.decode(with_voice(tokens, reference))
        return self.decode(tokens, voice=self.voice(reference, sample_rate))

    # ---------------------------------------------------------------- the steps
    @abstractmethod
    def encoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``encode_step``: zeros."""

    @abstractmethod
    def encode_step(self, inputs: Tensor, state: State) -> tuple[Tensor, State]:
        """What the front end gave for L tokens [R, C, L * unit] -> codes int64 [R, K, L]."""

    @abstractmethod
    def decoder_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``decode_step``: zeros."""

    @abstractmethod
    def decode_step(
        self,
        codes: Tensor,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, State]:
        """Codes int64 [R, K, L] in the voices [R, V] -> audio [R, L * frame_size].

        It lags by ``delay`` samples: so many at the start of a stream belong to no token.
        ``generator``: for modes that draw at random.
        """

    def flush_step(
        self,
        state: State,
        *,
        voice: Tensor,
        mode: Mode = ALL,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The audio [R, delay] still owed at the end of streams."""
        rows = torch.zeros(len(voice), 1, device=self.device)
        assert self.delay == 0, "a decoder that lags must give the rest"
        return rows[:, :0]

    def mel_state(self, batch_size: int) -> State:
        """The start of ``batch_size`` streams for ``mel_step``, where there is a log-mel."""
        raise NotImplementedError("a codec with a log-mel says how it begins")

    def mel_step(self, codes: Tensor, voice: Tensor, state: State) -> tuple[Tensor, State]:
        """Codes int64 [R, K, L] in voices [R, V] -> log-mel [R, n_mels, T], final at once."""
        raise NotImplementedError("a codec with a log-mel says how it is made")

    def frontend(self, rate: int) -> Frontend:
        """What turns one stream's samples at ``rate`` Hz into inputs of ``encode_step``."""
        return SampleFrontend(rate, self.sample_rate, self.frame_size, self.device)

    def voice_step(self, recent: Tensor) -> Tensor:
        """``Frontend.recent`` [C, T >= 1] -> who speaks there, float32 [1, V]."""
        raise NotImplementedError("a codec with a voice says how it is computed")

    # ---------------------------------------------------------------- as a whole, by the steps
    def _encode(self, batch: AudioBatch, voice: bool) -> Encoded:
        """``encode`` of audio at the codec's rate."""
        rows = zip(batch.wav, batch.lengths.tolist(), strict=True)
        codes = [self._tokens(row[:n]).T for row, n in rows]
        lengths = torch.tensor([len(row) for row in codes], device=self.device)
        return self._as_encoded(
            pad_sequence(codes, batch_first=True).transpose(1, 2),
            lengths,
            batch.lengths,
            self._voices(batch) if voice and self.voice_size else None,
        )

    def _as_encoded(
        self, codes: Tensor, lengths: Tensor, num_samples: Tensor, voice: Tensor | None
    ) -> Encoded:
        return Encoded(
            codes=codes,
            lengths=lengths,
            num_samples=num_samples.to(self.device),
            sample_rate=self.sample_rate,
            codebook_size=self.codebook_size,
            paralinguistic=None if voice is None else on_the_wire(voice),
            made_by=weakref.ref(self),
        )

    def _bare(self, codes: Tensor) -> Encoded:
        """Codes alone, as recordings of whole tokens."""
        codes = self.check_codes(codes)
        lengths = torch.full((len(codes),), codes.shape[-1])
        num_samples = lengths * self.frame_size
        return Encoded(codes, lengths, num_samples, self.sample_rate, self.codebook_size)

    def _tokens(self, samples: Tensor) -> Tensor:
        """One recording [N] at the codec's rate -> its codes [K, L]."""
        frontend, state = self.frontend(self.sample_rate), self.encoder_state(1)
        frontend.push(samples)
        frontend.flush()
        inputs = frontend.pending[None]
        codes = [torch.zeros(1, self.num_codebooks, 0, dtype=torch.int64, device=self.device)]
        for piece in inputs.split(MOST_TOKENS * frontend.unit, dim=-1):
            found, state = self.encode_step(piece, state)
            codes.append(found)
        return torch.cat(codes, dim=-1)[0]

    def _voices(self, batch: AudioBatch) -> Tensor:
        """``voice`` of audio at the codec's rate."""
        vectors = []
        for row, count in zip(batch.wav, batch.lengths.tolist(), strict=True):
            frontend = self.frontend(self.sample_rate)
            frontend.push(row[:count])
            frontend.flush()
            vectors.append(self.voice_step(frontend.recent))
        return torch.cat(vectors)

    def _decode(
        self, codes: Tensor, lengths: Tensor, voice: Tensor, mode: Mode, **options: Any
    ) -> list[Tensor]:
        """Rows of audio [N_i], at the codec's rate, of at least their tokens' length."""
        rows = zip(codes, lengths.tolist(), voice, strict=True)
        return [self._sound(row[:, :n], who[None], mode, **options) for row, n, who in rows]

    def _sound(self, codes: Tensor, voice: Tensor, mode: Mode, **options: Any) -> Tensor:
        """Codes [K, L] in a voice [1, V] -> audio [L * frame_size]."""
        state, audio = self.decoder_state(1), []
        for piece in codes[None].split(MOST_TOKENS, dim=-1):
            sound, state = self.decode_step(piece, state, voice=voice, mode=mode, **options)
            audio.append(sound)
        audio.append(self.flush_step(state, voice=voice, mode=mode, **options))
        return torch.cat(audio, dim=-1)[0, self.delay :]


def _blocks(audio: AudioReader) -> Iterator[Tensor]:
    """A recording's samples [N], ``_BLOCK`` seconds at a time."""
    count = _BLOCK * audio.sample_rate
    while len(samples := audio.read(count)):
        yield as_samples(samples, what=audio.name)


def _exactly(audio: Tensor, num_samples: int) -> Tensor:
    audio = audio[:num_samples]
    return F.pad(audio, (0, num_samples - len(audio)))
