"""Eight-bit weights for the matrices that matter, by onnxruntime's dynamic quantization."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from secousti.errors import require

# Modules whose linear layers carry most weights. The front end, the token projection and the
# pitch network stay exact: they are small, and what they decide is not forgiving.
_SCOPES = ("transformer.layers", "backbone")


def quantize(path: Path) -> None:
    """Replace the ONNX file by its int8 version."""
    import os

    onnx = require("onnx", "export")
    quantization = require("onnxruntime.quantization", "export")
    model = onnx.load(path)
    # The exporter's notes on shapes are those of the float weights and contradict the new ones.
    del model.graph.value_info[:]
    onnx.save(model, path)
    nodes = [node.name for node in model.graph.node if _wanted(node)]
    small = path.with_suffix(".int8.onnx")
    quantization.quantize_dynamic(
        path, small, nodes_to_quantize=nodes, op_types_to_quantize=["MatMul", "Gemm"]
    )
    os.replace(small, path)


def _wanted(node: Any) -> bool:
    scopes = " ".join(p.value for p in node.metadata_props if p.key.endswith("name_scopes"))
    return node.op_type in ("MatMul", "Gemm") and any(scope in scopes for scope in _SCOPES)
