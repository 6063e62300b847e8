"""Several ONNX files whose weights lie in one file beside them, each weight once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from secousti.atomic import replacing
from secousti.errors import require

_SMALLEST = 1024  # bytes; what is smaller stays in its graph
_ALIGNMENT = 64


def pool(graphs: Mapping[Path, Path], store: Path) -> None:
    """Write each graph anew, with its weights in ``store``, in ONNX's form of external data.

    Args:
        graphs: what to write (in the folder of ``store``), and the ONNX file that it is.
    """
    onnx = require("onnx", "export")
    models = {target: onnx.load(source) for target, source in graphs.items()}
    with replacing(store) as partial, partial.open("wb") as file:
        places: dict[bytes, tuple[int, int]] = {}
        for model in models.values():
            for weight in model.graph.initializer:
                if len(weight.raw_data) >= _SMALLEST:
                    _refer(weight, store.name, _place(weight.raw_data, places, file))
    for target, model in models.items():
        with replacing(target) as partial:
            partial.write_bytes(model.SerializeToString())


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
