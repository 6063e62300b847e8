"""float64 layers in basic operations are the layers themselves, and scalars keep their digits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.export.real import real_arithmetic


def spelled_out(layer: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    with torch.no_grad(), real_arithmetic():
        return layer(x)


@pytest.mark.parametrize(
    "layer",
    [
        F.gelu,
        F.elu,
        torch.erf,
        nn.Conv1d(6, 4, 5, stride=2, dilation=3).double(),
        nn.Conv1d(6, 4, 3, bias=False).double(),
        nn.Conv1d(6, 6, 3, groups=6).double(),
        nn.ConvTranspose1d(6, 4, 4, stride=2).double(),
        nn.ConvTranspose1d(6, 4, 9, stride=3, bias=False).double(),
    ],
    ids="gelu elu erf strided unbiased depthwise transposed wide".split(),
)
def test_layers_agree_to_the_last_bits(layer: Callable[[Tensor], Tensor]) -> None:
    x = 4 * torch.randn(2, 6, 23, dtype=torch.float64)
    with torch.no_grad():
        expected = layer(x)
    torch.testing.assert_close(spelled_out(layer, x), expected, rtol=1e-12, atol=1e-13)


def test_float32_layers_are_left_alone() -> None:
    x = torch.randn(2, 6, 23)
    assert torch.equal(spelled_out(F.gelu, x), F.gelu(x))


class _Small(nn.Module):
    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with real_arithmetic():
            return x.float() / (x.float() + 1e-9), x * 0.1 + torch.linspace(
                0.1, 0.7, 3, dtype=x.dtype, device=x.device
            )


def test_exported_scalars_are_not_rounded_away(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    ort = pytest.importorskip("onnxruntime")
    x = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
    program = torch.onnx.export(_Small().eval(), (x,), dynamo=True, verbose=False)
    assert program is not None
    program.save(tmp_path / "small.onnx")
    session = ort.InferenceSession(tmp_path / "small.onnx", providers=["CPUExecutionProvider"])
    ratio, scaled = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    assert ratio[0] == 0  # 0 / 1e-9, not 0 / 0
    expected, exact = _Small()(x)
    assert abs(scaled - exact.numpy()).max() < 1e-15
    torch.testing.assert_close(torch.from_numpy(ratio), expected)
