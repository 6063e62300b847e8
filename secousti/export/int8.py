"""Eight-bit weights for the matrices that matter: onnxruntime's dynamic quantization, or ours."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.atomic import replacing
from secousti.errors import require
from secousti.onecore.linear import token_precision

if TYPE_CHECKING:
    from secousti.export.graphs import StepGraph

# Modules whose linear layers carry most weights. The front end, the token projection and the
# pitch network stay exact: they are small, and what they decide is not forgiving.
_SCOPES = ("transformer.layers", "backbone", "stack.blocks")
M = TypeVar("M", bound=nn.Module)


def keeps_precision(graph: StepGraph) -> bool:
    """Whether a graph stays float32: the voice, and a small network that makes tokens.

    ``for_streaming`` does so, too.
    """
    small = graph.output_name == "codes" and token_precision(graph, "int8") == "float32"
    return small or graph.output_name == "voice"


def quantize(path: Path) -> None:
    """Replace the ONNX file by its int8 version; products are computed in integers."""
    onnx = require("onnx", "export")
    quantization = require("onnxruntime.quantization", "export")
    model = onnx.load(path)
    # The exporter's notes on shapes are those of the float weights and contradict the new ones.
    del model.graph.value_info[:]
    onnx.save(model, path)
    nodes = [node.name for node in model.graph.node if _wanted(node)]
    with replacing(path) as small:
        quantization.quantize_dynamic(
            path, small, nodes_to_quantize=nodes, op_types_to_quantize=["MatMul", "Gemm"]
        )


def _wanted(node: Any) -> bool:
    scopes = " ".join(p.value for p in node.metadata_props if p.key.endswith("name_scopes"))
    return node.op_type in ("MatMul", "Gemm") and any(scope in scopes for scope in _SCOPES)


class Int8Linear(nn.Module):
    """A linear layer stored in 8 bits, symmetric, with one scale an output; computed as floats."""

    weight: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach()
        scale = weight.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        self.register_buffer("weight", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("scale", scale)
        self.bias = linear.bias

    def forward(self, x: Tensor) -> Tensor:
        """[..., in_features] -> [..., out_features]."""
        return F.linear(x, self.weight.to(x.dtype) * self.scale, self.bias)

    def gelu(self, x: Tensor) -> Tensor:
        """As ``Linear.gelu``."""
        return F.gelu(self(x))


def shrunk(module: M) -> M:
    """A copy of ``module`` in which the same matrices are ``Int8Linear``."""
    small = copy.deepcopy(module)
    for name, child in list(small.named_modules()):
        wanted = isinstance(child, nn.Linear) and any(scope in name for scope in _SCOPES)
        if wanted and child.weight is not None:  # a step that never reads it has it no more
            parent, _, own = name.rpartition(".")
            setattr(small.get_submodule(parent), own, Int8Linear(child))
    return small
