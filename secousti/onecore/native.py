"""The int8 transformer as one C function, compiled where there is a compiler.

PyTorch spends a third of an int8 step on handing out some four hundred small operations. The C
function does the same arithmetic in one call. It needs no package: ``cc`` compiles it once,
into the user's cache (``build.py``). Without a compiler PyTorch's own kernels do the work, slower.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from secousti.acoustic.transformer import TransformerLayer
from secousti.config import TransformerConfig
from secousti.onecore import build, pages
from secousti.onecore.layer import scaled_in_weight
from secousti.onecore.linear import int8_weights

_MOST_INPUTS = 65_536  # so many products of 8 bits by 8 fit a sum of 32


class Matrix(ctypes.Structure):
    """int8 [outputs, inputs] with a scale and a sum per output, as the C code reads it."""

    _fields_ = [
        ("weight", ctypes.c_void_p),
        ("scale", ctypes.c_void_p),
        ("sum", ctypes.c_void_p),
        ("inputs", ctypes.c_int32),
        ("outputs", ctypes.c_int32),
    ]


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in ("gain1", "bias1", "scale1")),
        *((name, ctypes.c_void_p) for name in ("gain2", "bias2", "scale2")),
        ("epsilon1", ctypes.c_float),
        ("epsilon2", ctypes.c_float),
        *((name, Matrix) for name in ("in", "out", "widen", "narrow")),
    ]


class NativeStack:
    """All layers of a transformer at once, for one stream and one position a call."""

    def __init__(
        self, layers: Sequence[TransformerLayer], config: TransformerConfig, library: ctypes.CDLL
    ) -> None:
        self._step = library.secousti_step
        self._config = config
        weights = [weight for layer in layers for weight in _weights(layer, config)]
        packed, self._kept = matrices(weights)
        self._layers = (_Layer * len(layers))(
            *(self._layer(layer, packed[4 * i : 4 * i + 4]) for i, layer in enumerate(layers))
        )
        wide = config.dim_feedforward
        # Floats for the vectors of a layer, and bytes for the 8-bit ones.
        self._scratch = 5 * config.d_model + wide + config.context + max(wide, config.d_model)

    def __call__(self, x: Tensor, rotation: Tensor, ring: Tensor, slot: int, known: int) -> Tensor:
        """x float32 [1, d_model]; ``ring`` [layers, 2, H, context, D] is written to."""
        config = self._config
        y, scratch = x.clone(), torch.empty(self._scratch)
        cosine, sine = rotation.real.contiguous(), rotation.imag.contiguous()
        self._step(
            ctypes.addressof(self._layers),
            len(self._layers),
            *(t.data_ptr() for t in (y, ring, cosine, sine)),
            config.num_heads,
            config.d_model // config.num_heads,
            config.context,
            slot,
            known,
            scratch.data_ptr(),
        )
        return y

    def _layer(self, layer: TransformerLayer, packed: list[Matrix]) -> _Layer:
        vectors = [
            self._keep(vector.detach().float())
            for norm, scale in (
                (layer.norm1, layer.layer_scale1.scale),
                (layer.norm2, layer.layer_scale2.scale),
            )
            for vector in (norm.weight, norm.bias, scale)
        ]
        return _Layer(*vectors, layer.norm1.eps, layer.norm2.eps, *packed)

    def _keep(self, tensor: Tensor) -> int:
        self._kept.append(tensor.contiguous())
        return self._kept[-1].data_ptr()


def _weights(layer: TransformerLayer, config: TransformerConfig) -> tuple[Tensor, ...]:
    """The matrices of a layer, in the order of ``_Layer``."""
    attention = layer.attention
    others = (attention.out_proj, layer.linear1, layer.linear2)
    return scaled_in_weight(layer, config), *(module.weight for module in others)


def matrices(weights: list[Tensor]) -> tuple[list[Matrix], list[Tensor]]:
    """Matrices for the C code, in the order in which it reads them, and what they point to."""
    quantized = [int8_weights(weight.detach()) for weight in weights]
    whole = pages.together([q.int_repr() for q in quantized])
    scales = [q.q_per_channel_scales().float() for q in quantized]
    sums = [weight.sum(1).int() for weight in whole]
    found = [
        Matrix(*(t.data_ptr() for t in tensors), tensors[0].shape[1], tensors[0].shape[0])
        for tensors in zip(whole, scales, sums, strict=True)
    ]
    return found, whole + scales + sums


def sized(*widths: int) -> bool:
    """Whether the C code's matrices may be so wide: outputs come in fours, sums have 32 bits."""
    return all(n % 4 == 0 and n <= _MOST_INPUTS for n in widths)


def library_for(layers: nn.ModuleList, config: TransformerConfig) -> ctypes.CDLL | None:
    """What ``NativeStack`` runs these layers with; ``None`` if it cannot here."""
    on_cpu = all(p.device.type == "cpu" for p in layers.parameters())
    return load() if on_cpu and sized(config.d_model, config.dim_feedforward) else None


@functools.cache
def load() -> ctypes.CDLL | None:
    """The compiled library; ``None`` without a compiler or if ``SECOUSTI_NATIVE=0``."""
    library = build.library()
    return None if library is None else declared(library)


def declared(library: ctypes.CDLL) -> ctypes.CDLL:
    """``library`` with the types of its functions."""
    pointer, number = ctypes.c_void_p, ctypes.c_int
    library.secousti_step.argtypes = [pointer, number, *[pointer] * 4, *[number] * 5, pointer]
    counted = (pointer, number)  # memory, and how much of it
    library.secousti_convnext.argtypes = [*counted, *counted, *counted, pointer]
    library.secousti_step.restype = library.secousti_convnext.restype = None
    return library
