"""Running exported graphs step by step, to compare them with PyTorch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from secousti.errors import require
from secousti.export.graphs import StepGraph


class Step(ABC):
    """One exported graph with the state of ``batch_size`` streams."""

    def __init__(self, graph: StepGraph) -> None:
        self.graph = graph
        self.reset(1)

    def reset(self, batch_size: int) -> None:
        """New streams."""
        self.state = [value.numpy() for value in self.graph.state_tensors(batch_size)]

    def __call__(self, *inputs: np.ndarray) -> np.ndarray:
        """One token."""
        output, *self.state = self.run([*inputs, *self.state])
        return output

    @abstractmethod
    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The graph itself."""


class OnnxStep(Step):
    """Through onnxruntime, one thread."""

    def __init__(self, graph: StepGraph, path: Path) -> None:
        super().__init__(graph)
        ort = require("onnxruntime", "export")
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.names = [value.name for value in self.session.get_inputs()]

    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        feeds = dict(zip(self.names, tensors, strict=True))
        outputs: list[np.ndarray] = self.session.run(None, feeds)
        return outputs


class TorchStep(Step):
    """Through a saved ``torch.export`` program."""

    def __init__(self, graph: StepGraph, path: Path) -> None:
        super().__init__(graph)
        self.module: Any = torch.export.load(path).module()

    @torch.no_grad()
    def run(self, tensors: Sequence[np.ndarray]) -> list[np.ndarray]:
        outputs = self.module(*(torch.from_numpy(np.ascontiguousarray(t)) for t in tensors))
        return [output.numpy() for output in outputs]


def open_steps(folder: Path, graphs: Sequence[StepGraph], kind: str) -> dict[str, Step]:
    """The exported graphs of ``folder`` by name."""
    if kind == "onnx":
        return {g.name: OnnxStep(g, folder / f"{g.name}.onnx") for g in graphs}
    return {g.name: TorchStep(g, folder / f"{g.name}.pt2") for g in graphs}
