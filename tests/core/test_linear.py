"""The linear layer through oneDNN: the same function and gradients as PyTorch's own."""

import pytest
import torch
from torch.nn import functional as F
from torch.profiler import ProfilerActivity, profile

from secousti.acoustic import linear
from secousti.acoustic.linear import Linear

needs_onednn = pytest.mark.skipif(linear._ONEDNN is None, reason="this PyTorch hides the operator")


def _gradients(layer, x, product):
    inputs = [
        x.clone().requires_grad_(),
        layer.weight,
        *([layer.bias] if layer.bias is not None else []),
    ]
    y = product(inputs[0])
    return y, torch.autograd.grad((y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum(), inputs)


@pytest.mark.parametrize(("shape", "bias"), [((3, 17, 24), True), ((5, 24), False)])
def test_gradients_are_those_of_the_plain_layer(shape, bias):
    torch.manual_seed(0)
    layer, x = Linear(24, 40, bias=bias), torch.randn(shape)
    y, found = _gradients(layer, x, layer)
    z, expected = _gradients(layer, x, lambda v: F.linear(v, layer.weight, layer.bias))
    torch.testing.assert_close(y, z, atol=1e-5, rtol=1e-5)
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)


@needs_onednn
def test_training_multiplies_through_onednn():
    layer = Linear(16, 16)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        layer(torch.randn(4, 8, 16).requires_grad_()).sum().backward()
    calls = [event.name for event in profiler.events()]
    assert calls.count("mkldnn::_linear_pointwise") == 3  # forward, and the gradient of each side
    assert "aten::mm" not in calls
    assert "aten::addmm" not in calls


def test_gradients_of_gradients_exist():
    layer = Linear(6, 5).requires_grad_()
    x = torch.randn(3, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(layer(x).square().sum(), x, create_graph=True)
    slope.square().sum().backward()
    expected = Linear(6, 5).double()
    expected.load_state_dict(layer.state_dict())
    wide = x.detach().double().requires_grad_()
    (slope,) = torch.autograd.grad(expected(wide).square().sum(), wide, create_graph=True)
    slope.square().sum().backward()
    torch.testing.assert_close(
        layer.weight.grad.double(), expected.weight.grad, atol=1e-4, rtol=1e-4
    )


def test_frozen_weights_get_no_gradient_and_autocast_keeps_its_type():
    layer = Linear(6, 5).requires_grad_(False)
    x = torch.randn(3, 6, requires_grad=True)
    layer(x).sum().backward()
    assert layer.weight.grad is None
    assert x.grad.shape == x.shape
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert layer(torch.randn(0, 6, requires_grad=True)).shape == (0, 5)
