"""A codec's steps as modules of flat tensors: inputs and state in, output and state out.

A step is one token, or a fixed number of them with the same state. All-zero state is the start of
a stream, as everywhere in the package. The voice is a graph without state: a stretch of sound in,
who speaks there out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from secousti.base import ALL, Codec
from secousti.errors import SecoustiError
from secousti.export.prune import pruned
from secousti.export.real import real_arithmetic
from secousti.streaming.state import State, named_tensors, substate, tensor
from secousti.vocoder.base import Vocoder


class StepGraph(nn.Module, ABC):
    """``forward(*inputs, *state) -> (output, *new_state)``; state in ``named_tensors`` order.

    ``real``: write complex arithmetic out in real numbers, for ONNX. ``tokens``: of a step.
    """

    name: str
    input_names: tuple[str, ...]
    output_name: str
    batched = True  # whether it can take any number of rows

    def __init__(self, codec: Codec, real: bool, mode: str = ALL, tokens: int = 1) -> None:
        super().__init__()
        self.codec, self.real, self.mode, self.tokens = codec, real, mode, tokens

    @abstractmethod
    def start(self, batch_size: int) -> State:
        """The state of ``batch_size`` new streams."""

    @abstractmethod
    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        """Inputs of the right shape."""

    @abstractmethod
    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        """``tokens`` tokens."""

    def state_names(self) -> list[str]:
        """Names of the state's tensors; those that hold nothing are left out."""
        return [name for name, value in named_tensors(self.start(1)) if value.numel()]

    def state_tensors(self, batch_size: int) -> list[Tensor]:
        """``start`` as the tensors that ``forward`` takes."""
        return [value for _, value in named_tensors(self.start(batch_size)) if value.numel()]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        count = len(self.input_names)
        inputs, given = tensors[:count], iter(tensors[count:])
        state: State = {}
        for name, value in named_tensors(self.start(1)):
            empty = value.expand(inputs[0].shape[0], *value.shape[1:])
            _put(state, name.split("."), next(given) if value.numel() else empty)
        with real_arithmetic() if self.real else nullcontext():
            output, new = self.step(inputs, state)
        assert new is not None
        found = dict(named_tensors(new))  # a layer may build its new state in another order
        return output, *(found[name] for name in self.state_names())


class EncoderStep(StepGraph):
    """Audio [B, frame_size * tokens] -> codes int64 [B, K, tokens]; the front end is inside."""

    name = "encoder"
    input_names = ("audio",)
    output_name = "codes"

    def __init__(self, codec: Codec, real: bool, mode: str = ALL, tokens: int = 1) -> None:
        super().__init__(codec, real, mode, tokens)
        self.frontend = codec.frontend(codec.sample_rate)

    def start(self, batch_size: int) -> State:
        past = torch.zeros(batch_size, self.frontend.overlap)
        return {"mel": {"past": past}, "codes": self.codec.encoder_state(batch_size)}

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        return (0.1 * torch.randn(batch_size, self.codec.frame_size * self.tokens),)

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        past, codes_state = substate(state, "mel"), substate(state, "codes")
        assert past is not None
        assert codes_state is not None
        audio = torch.cat([tensor(past, "past"), inputs[0]], dim=1)
        codes, new = self.codec.encode_step(self.frontend.analyse(audio), codes_state)
        return codes, {"mel": {"past": audio[:, inputs[0].shape[1] :]}, "codes": new}


class DecoderStep(StepGraph):
    """Codes int64 [B, K, tokens] (and a voice [B, V]) -> audio [B, 1, N], late by its delay."""

    name = "decoder"
    output_name = "audio"

    def __init__(self, codec: Codec, real: bool, mode: str = ALL, tokens: int = 1) -> None:
        super().__init__(codec, real, mode, tokens)
        self.input_names = ("codes", "paralinguistic") if codec.voice_size else ("codes",)

    def start(self, batch_size: int) -> State:
        return self.codec.decoder_state(batch_size)

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        shape = (batch_size, self.codec.num_codebooks, self.tokens)
        codes = torch.randint(self.codec.codebook_size, shape)
        voice = torch.tanh(torch.randn(batch_size, self.codec.voice_size))
        return (codes, voice)[: len(self.input_names)]

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        codes, *voices = inputs
        voice = voices[0] if voices else codes.new_zeros((len(codes), 0), dtype=torch.float32)
        audio, new = self.codec.decode_step(codes, state, voice=voice, mode=self.mode)
        return audio[:, None].clamp(-1.0, 1.0), new


class MelDecoderStep(DecoderStep):
    """Codes and a voice -> log-mel [B, n_mels, frames of the tokens], which is final at once."""

    output_name = "mel"

    def start(self, batch_size: int) -> State:
        return self.codec.mel_state(batch_size)

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        return self.codec.mel_step(inputs[0], inputs[1], state)


class VocoderStep(StepGraph):
    """Log-mel [B, n_mels, frames of the tokens] -> audio [B, 1, N], late by its delay."""

    name = "vocoder"
    input_names = ("mel",)
    output_name = "audio"

    @property
    def vocoder(self) -> Vocoder:
        """The codec's own."""
        assert self.codec.mel_vocoder is not None
        return self.codec.mel_vocoder

    def start(self, batch_size: int) -> State:
        return self.vocoder.init_state(batch_size)

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        frames = self.codec.frame_size // self.vocoder.hop_length * self.tokens
        return (torch.randn(batch_size, self.vocoder.n_mels, frames) - 5.0,)

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        audio, new = self.vocoder(inputs[0], state)
        return audio.clamp(-1.0, 1.0), new


class VoiceGraph(StepGraph):
    """Audio [1, voice_samples] and frames that count in it, int64 [1] -> voice [1, V]."""

    name = "voice"
    batched = False  # PyTorch's exporter fixes the batch of a GRU
    input_names = ("audio", "frames")
    output_name = "voice"

    def __init__(self, codec: Codec, real: bool, mode: str = ALL, tokens: int = 1) -> None:
        super().__init__(codec, real, mode, tokens)
        self.frontend = codec.frontend(codec.sample_rate)
        self.samples = self.frontend.overlap + self.frontend.window * codec.hop_length

    def start(self, batch_size: int) -> State:
        return {}

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        frames = torch.full((batch_size,), self.frontend.window)
        return 0.1 * torch.randn(batch_size, self.samples), frames

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        audio, frames = inputs
        assert self.codec.voice_encoder is not None
        analysed = self.frontend.analyse(audio).to(self.codec.dtype)
        voice: Tensor = self.codec.voice_encoder(analysed, frames)
        return voice, {}


def step_graphs(
    codec: Codec, real: bool, vocoder: bool = True, mode: str = ALL, tokens: int = 1
) -> list[StepGraph]:
    """Encoder and decoder; the vocoder, if the codec has one and it is wanted; the voice.

    Args:
        tokens: of each step; the voice, which has no steps, is left out where they are several.

    Raises:
        SecoustiError: the codec cannot stream so, has a front end without a graph, or no vocoder
            that could be left out.
    """
    if not codec.causal:
        raise SecoustiError("a codec that is not causal cannot stream, so it cannot be exported")
    if not codec.frontend(codec.sample_rate).exportable:
        raise SecoustiError(
            "a codec whose input has pitch (config pitch) cannot be exported: its pitch tracker "
            "has no graph; run it in PyTorch"
        )
    kinds: list[type[StepGraph]] = [EncoderStep]
    if codec.speaks_mel:
        kinds.append(MelDecoderStep)
        kinds += [VocoderStep] if vocoder and codec.mel_vocoder is not None else []
    elif not vocoder:
        raise SecoustiError(
            f"the model {codec.model_id!r} decodes to audio without a vocoder that could be left "
            "out: export it without --no-vocoder"
        )
    else:
        codec.check_streams(mode)
        kinds.append(DecoderStep)
    kinds += [VoiceGraph] if codec.voice_size and tokens == 1 else []
    return [pruned(kind(codec, real, mode, tokens).eval()) for kind in kinds]


def _put(state: State, path: list[str], value: Tensor) -> None:
    for name in path[:-1]:
        child = state.setdefault(name, {})
        assert isinstance(child, dict)
        state = child
    state[path[-1]] = value
