"""The three streaming steps as modules of flat tensors: inputs and state in, output and state out.

A step is one token. All-zero state is the start of a stream, as everywhere in the package.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError
from secousti.export.real import real_arithmetic
from secousti.streaming.state import State, named_tensors, substate, tensor


class StepGraph(nn.Module, ABC):
    """``forward(*inputs, *state) -> (output, *new_state)``; state in ``named_tensors`` order.

    ``real``: write complex arithmetic out in real numbers, for ONNX.
    """

    name: str
    parts: tuple[str, ...]
    input_names: tuple[str, ...]
    output_name: str

    def __init__(self, codec: SecoustiCodec, real: bool) -> None:
        super().__init__()
        self.codec = _only(codec, self.parts)
        self.real = real

    @abstractmethod
    def start(self, batch_size: int) -> State:
        """The state of ``batch_size`` new streams."""

    @abstractmethod
    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        """Inputs of the right shape."""

    @abstractmethod
    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        """One token."""

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
    """Audio [B, frame_size] -> codes int64 [B, 1, 1]; the mel front end is inside."""

    name = "encoder"
    parts = ("mel", "encoder", "semantic_projection", "quantizer")
    input_names = ("audio",)
    output_name = "codes"

    def start(self, batch_size: int) -> State:
        past = torch.zeros(batch_size, self.codec.mel.overlap)
        return {"mel": {"past": past}, "codes": self.codec.token_encoder_state(batch_size)}

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        return (0.1 * torch.randn(batch_size, self.codec.frame_size),)

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        mel_state = substate(state, "mel")
        assert mel_state is not None
        audio = torch.cat([tensor(mel_state, "past"), inputs[0]], dim=1)
        codes, new = self.codec.tokenize(self.codec.mel.frames(audio), substate(state, "codes"))
        assert new is not None
        past = audio[:, audio.shape[1] - self.codec.mel.overlap :]
        return codes, {"mel": {"past": past}, "codes": new}


class DecoderStep(StepGraph):
    """Codes int64 [B, 1, 1] and voice [B, 64] -> log-mel [B, n_mels, frames_per_token]."""

    name = "decoder"
    parts = ("quantizer", "paralinguistic", "connector", "decoder")
    input_names = ("codes", "paralinguistic")
    output_name = "mel"

    def start(self, batch_size: int) -> State:
        return self.codec.token_decoder_state(batch_size)

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        size = self.codec.config.paralinguistic.hidden_size
        codes = torch.randint(self.codec.codebook_size, (batch_size, 1, 1))
        return codes, torch.tanh(torch.randn(batch_size, size))

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        return self.codec.synthesize_mel(inputs[0], inputs[1], state)


class VocoderStep(StepGraph):
    """Log-mel [B, n_mels, frames_per_token] -> audio [B, 1, frame_size], late by its delay."""

    name = "vocoder"
    parts = ("vocoder",)
    input_names = ("mel",)
    output_name = "audio"

    def start(self, batch_size: int) -> State:
        assert self.codec.vocoder is not None
        return self.codec.vocoder.init_state(batch_size)

    def example(self, batch_size: int) -> tuple[Tensor, ...]:
        shape = (batch_size, self.codec.config.mel.n_mels, self.codec.frames_per_token)
        return (torch.randn(shape) - 5.0,)

    def step(self, inputs: tuple[Tensor, ...], state: State) -> tuple[Tensor, State | None]:
        assert self.codec.vocoder is not None
        audio, new = self.codec.vocoder(inputs[0], state)
        return audio.clamp(-1.0, 1.0), new


def step_graphs(codec: SecoustiCodec, real: bool, vocoder: bool = True) -> list[StepGraph]:
    """Encoder, decoder, and (if wanted) the vocoder if the codec has one.

    Raises:
        SecoustiError: the codec cannot stream, or hears pitch.
    """
    if not codec.causal:
        raise SecoustiError("a codec that is not causal cannot stream, so it cannot be exported")
    if not codec.embeddings:
        raise SecoustiError(f"the model {codec.model_id!r} has no streaming graphs to export")
    if codec.config.pitch is not None:
        raise SecoustiError(
            "a codec that hears pitch (config pitch) cannot be exported: its pitch tracker has no "
            "graph; run it in PyTorch"
        )
    graphs: list[StepGraph] = [EncoderStep(codec, real), DecoderStep(codec, real)]
    if vocoder and codec.vocoder is not None:
        graphs.append(VocoderStep(codec, real))
    return [graph.eval() for graph in graphs]


def _only(codec: SecoustiCodec, parts: tuple[str, ...]) -> SecoustiCodec:
    """A codec without its other modules, whose weights would be stored with the graph."""
    part = copy.copy(codec)
    part._modules = {name: m if name in parts else None for name, m in codec._modules.items()}
    return part


def _put(state: State, path: list[str], value: Tensor) -> None:
    for name in path[:-1]:
        child = state.setdefault(name, {})
        assert isinstance(child, dict)
        state = child
    state[path[-1]] = value
