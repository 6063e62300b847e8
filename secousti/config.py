"""Hyperparameters as frozen dataclasses, read from and written to YAML or JSON.

One dataclass per module that has hyperparameters. ``from_dict`` checks every key and type by
name, so a typo in a file is one sentence and never a silently ignored line.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from secousti.errors import SecoustiError
from secousti.vocoder.config import VocoderConfig

T = TypeVar("T")


@dataclass(frozen=True)
class MelConfig:
    """Log-mel front end (release, section 1).

    ``mode``: ``causal`` frames end with their own hop and need no later sample; ``centered`` is
    the release: reflect padding, 384 samples of look-ahead.
    """

    sample_rate: int = 22050
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 80
    fmin: float = 0.0
    fmax: float = 8000.0
    mode: Literal["causal", "centered"] = "causal"


@dataclass(frozen=True)
class PitchConfig:
    """Pitch features alongside the mel: the "w/ F0" rows of Table II (``audio/pitch.py``).

    The paper says no more of them than that. Here the speech encoder, and nothing else, hears two
    rows beside the mel: log F0 and voicing, found between ``fmin`` and ``fmax`` Hz by YIN in the
    samples of the mel's own window, so that they cost no latency.
    """

    fmin: float = 60.0
    fmax: float = 600.0

    def __post_init__(self) -> None:
        if not 0 < self.fmin < self.fmax:
            raise SecoustiError(
                f"pitch.fmin ({self.fmin:g}) must lie between 0 and pitch.fmax ({self.fmax:g})"
            )


@dataclass(frozen=True)
class SEANetConfig:
    """Convolutional encoder and its mirror, the decoder (release, sections 3 and 4).

    ``ratios``: the strides; their product is the number of mel frames in a token.
    ``causal=False`` gives the "w/o causal" rows of Table II; such a model cannot stream.
    """

    dimension: int = 512
    n_filters: int = 64
    ratios: tuple[int, ...] = (2, 2)
    kernel_size: int = 7
    residual_kernel_size: int = 3
    last_kernel_size: int = 3
    compress: int = 2
    causal: bool = True


@dataclass(frozen=True)
class TransformerConfig:
    """The windowed RoPE transformer shared by all projections (release, section 5).

    ``context``: how many positions a query sees, itself included.
    """

    d_model: int = 512
    num_heads: int = 8
    dim_feedforward: int = 2048
    context: int = 250
    max_period: float = 10_000.0
    layer_scale: float = 0.01
    causal: bool = True


@dataclass(frozen=True)
class DepthConfig:
    """Transformer layers of each projection; the paper has no ``decoder`` transformer (0)."""

    acoustic: int = 8
    semantic: int = 8
    connector: int = 8
    decoder: int = 8


@dataclass(frozen=True)
class QuantizerConfig:
    """What turns S into tokens.

    ``epsilon``: the release bounds with ``(L - 1) * (1 - epsilon) / 2 * tanh``; eq. 6 of the
    paper has no such factor (0). ``variational``: sample S in training (VAE+FSQ) or not (FSQ).
    ``kind`` ``vq`` and ``simvq`` are the ablations of Table II, with ``codebook_size`` entries
    of ``codebook_dim`` numbers.
    """

    kind: Literal["fsq", "vq", "simvq"] = "fsq"
    levels: tuple[int, ...] = (3,) * 8
    epsilon: float = 1e-3
    variational: bool = True
    codebook_size: int = 6561
    codebook_dim: int = 8

    def __post_init__(self) -> None:
        if not self.levels or min(self.levels) < 3:
            raise SecoustiError(f"quantizer.levels must all be 3 or more, found {self.levels}")


@dataclass(frozen=True)
class ParalinguisticConfig:
    """Global encoder (release, section 8). ``hidden_size`` numbers travel on the wire.

    ``window_frames``: it hears the central so many mel frames. ``window_rule`` ``release``
    repeats the release's negative slice, which drops most of a clip of 1.2 to 3.5 s.
    """

    conv_channels: tuple[int, ...] = (32, 32, 64, 64, 128, 128)
    hidden_size: int = 64
    se_reduction: int = 16
    window_frames: int = 300
    window_rule: Literal["central", "release"] = "central"


@dataclass(frozen=True)
class CodecConfig:
    """A whole SecoustiCodec. Defaults are the released 21.5 Hz sizes with the causal mel.

    ``pitch``: features that the speech encoder hears beside the mel; None (the codec proper) for
    the mel alone.
    ``acoustic_dim``: size of A and of its prediction (Table II: 8, 64, 256; release: 512).
    ``fusion_norm``: layer normalisation of S and G before they are added (paper, IV-A).
    ``decode_precision``: of the connector and the decoder of a loaded model. In float64 a
    stream's mels are the offline ones to the last float32 digit, which a vocoder that sums phase
    (``causal_istft`` with its harmonic source, ``hift``) needs to stay within 1e-4 in its audio:
    rounding of 1e-5 in a mel moves its pitch, and every later pulse with it.
    """

    mel: MelConfig = field(default_factory=MelConfig)
    pitch: PitchConfig | None = None
    seanet: SEANetConfig = field(default_factory=SEANetConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    quantizer: QuantizerConfig = field(default_factory=QuantizerConfig)
    paralinguistic: ParalinguisticConfig = field(default_factory=ParalinguisticConfig)
    vocoder: VocoderConfig | None = None
    acoustic_dim: int = 512
    fusion_norm: bool = False
    decode_precision: Literal["float32", "float64"] = "float32"

    def __post_init__(self) -> None:
        if self.transformer.d_model % self.transformer.num_heads:
            raise SecoustiError(
                f"transformer.d_model {self.transformer.d_model} is not a multiple of "
                f"num_heads {self.transformer.num_heads}"
            )


def to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain dicts, lists and scalars (JSON-able)."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_dict(cls: type[T], data: Any, where: str = "config") -> T:
    """Build the dataclass ``cls`` from plain data.

    Raises:
        SecoustiError: an unknown key or a value of the wrong type, named with its path.
    """
    if not isinstance(data, dict):
        raise SecoustiError(f"{where}: expected a mapping, found {data!r}")
    hints = typing.get_type_hints(cls)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise SecoustiError(
            f"{where}: unknown key {unknown[0]!r}; known are {', '.join(sorted(hints))}"
        )
    values = {name: _convert(hints[name], data[name], f"{where}.{name}") for name in data}
    return cls(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _convert_optional(args, value, where)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value, where)
    if origin is Literal:
        _check(value in args, where, f"one of {', '.join(map(repr, args))}", value)
        return value
    if origin in (tuple, list):
        _check(isinstance(value, (list, tuple)), where, "a list", value)
        return origin(_convert(args[0], item, f"{where}[{i}]") for i, item in enumerate(value))
    if origin is dict or hint is Any:
        return value
    if hint is float:
        # YAML reads "1e-5" as text: accept numbers written that way.
        try:
            return float(value)
        except (TypeError, ValueError):
            _check(False, where, "a number", value)
    _check(type(value) is hint, where, f"of type {hint.__name__}", value)
    return value


def _convert_optional(args: tuple[Any, ...], value: Any, where: str) -> Any:
    if value is None and type(None) in args:
        return None
    kinds = [arg for arg in args if arg is not type(None)]
    if len(kinds) > 1:
        matches = [kind for kind in kinds if type(value) is kind]
        _check(bool(matches), where, f"one of {kinds}", value)
        return value
    return _convert(kinds[0], value, where)


def _check(ok: bool, where: str, expected: str, value: Any) -> None:
    if not ok:
        raise SecoustiError(f"{where}: expected {expected}, found {value!r}")


def read_yaml(path: str | Path) -> dict[str, Any]:
    """A YAML file as a dict; a key ``base: other.yaml`` is read first and overridden.

    Raises:
        SecoustiError: missing file, invalid YAML, or a file that is not a mapping.
    """
    path = Path(path)
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError as error:
        raise SecoustiError(f"no such configuration file: {path}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SecoustiError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(data, dict):
        raise SecoustiError(f"{path}: expected a mapping at the top")
    base = data.pop("base", None)
    return data if base is None else merge(read_yaml(path.parent / base), data)


def merge(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """``base`` with ``changes`` written over it, mapping by mapping."""
    out = dict(base)
    for key, value in changes.items():
        old = out.get(key)
        out[key] = merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return out


def load_codec_config(path: str | Path) -> CodecConfig:
    """The codec part of a YAML file: its key ``codec``, or the whole file without one."""
    data = read_yaml(path)
    return from_dict(CodecConfig, data.get("codec", data), where=str(path))
