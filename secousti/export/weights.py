"""Several ONNX files whose weights lie in one file beside them, each weight once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from secousti.atomic import replacing
from secousti.errors import require

_SMALLEST = 1024  # bytes; what is smaller stays in its graph
_ALIGNMENT = 64


def pool(graphs: Mapping[Path, Path], store: Path) -> None:
    """Write each graph anew, with its weights in ``store``, in ONNX's form of external data.

    float64 weights that are float32 numbers, as those of a network that was trained in it, are
    stored as such; they are widened when a graph is loaded.

    Args:
        graphs: what to write (in the folder of ``store``), and the ONNX file that it is.
    """
    onnx = require("onnx", "export")
    models = {target: onnx.load(source) for target, source in graphs.items()}
    with replacing(store) as partial, partial.open("wb") as file:
        places: dict[bytes, tuple[int, int]] = {}
        for model in models.values():
            _narrow(onnx, model.graph)
            for weight in model.graph.initializer:
                if len(weight.raw_data) >= _SMALLEST:
                    _refer(weight, store.name, _place(weight.raw_data, places, file))
    for target, model in models.items():
        with replacing(target) as partial:
            partial.write_bytes(model.SerializeToString())


def _narrow(onnx: Any, graph: Any) -> None:
    """float64 weights of float32 numbers become these, and a conversion that loading folds away."""
    widened = []
    for weight in graph.initializer:
        if weight.data_type == onnx.TensorProto.DOUBLE and len(weight.raw_data) >= _SMALLEST:
            values = onnx.numpy_helper.to_array(weight)
            narrow = values.astype(np.float32)
            if np.array_equal(narrow, values):
                name = weight.name
                weight.CopyFrom(onnx.numpy_helper.from_array(narrow, f"{name}.float32"))
                to = onnx.TensorProto.DOUBLE
                widened.append(onnx.helper.make_node("Cast", [weight.name], [name], to=to))
    nodes = [*widened, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _place(data: bytes, places: dict[bytes, tuple[int, int]], file: BinaryIO) -> tuple[int, int]:
    """Where the bytes are in ``file`` (offset, length); they are appended when they are new."""
    key = hashlib.sha256(data).digest()
    if key not in places:
        file.write(bytes(-file.tell() % _ALIGNMENT))
        places[key] = (file.tell(), len(data))
        file.write(data)
    return places[key]


def _refer(weight: Any, location: str, place: tuple[int, int]) -> None:
    weight.ClearField("raw_data")
    weight.data_location = weight.EXTERNAL
    for key, value in zip(("location", "offset", "length"), (location, *place), strict=True):
        weight.external_data.add(key=key, value=str(value))
