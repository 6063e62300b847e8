"""The paralinguistic encoder's GRU: PyTorch's function and gradients, in far fewer calls."""

import copy

import torch
from torch.profiler import ProfilerActivity, profile

from secousti.paralinguistic.recurrence import GRU


def _both(dtype, steps=23):
    torch.manual_seed(0)
    gru = GRU(7, 5).to(dtype)
    plain = copy.deepcopy(gru)
    x = torch.randn(3, steps, 7, dtype=dtype)
    weight = torch.randn(3, steps, 5, dtype=dtype)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    y, z = gru.outputs(ours), plain(theirs)[0]
    (y * weight).sum().backward()
    (z * weight).sum().backward()
    return (gru, ours, y), (plain, theirs, z)


def test_outputs_are_the_same_bits_and_gradients_the_same_numbers():
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        (gru, x, y), (plain, u, z) = _both(dtype)
        assert torch.equal(y, z)
        torch.testing.assert_close(x.grad, u.grad, atol=tolerance, rtol=tolerance)
        for ours, theirs in zip(gru.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad, atol=tolerance, rtol=tolerance)


def test_a_step_of_backward_is_a_handful_of_calls():
    gru, steps = GRU(8, 8), 50
    x = torch.randn(2, steps, 8, requires_grad=True)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        gru.outputs(x)[:, -1].sum().backward()
    calls = [
        event
        for event in profiler.events()
        if event.name.startswith("aten::")
        and (event.cpu_parent is None or not event.cpu_parent.name.startswith("aten::"))
    ]
    assert len(calls) < 6 * steps  # 36 a step through nn.GRU's own


def test_under_autocast_it_is_float32_in_as_few_calls():
    torch.manual_seed(0)
    gru, steps = GRU(8, 8), 50
    x = torch.randn(2, steps, 8)
    expected = gru.outputs(x)
    with torch.autocast("cpu", torch.bfloat16):
        found = gru.outputs(x.bfloat16().float())
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, expected, atol=0.02, rtol=0.02)
        with profile(activities=[ProfilerActivity.CPU]) as profiler:
            found.sum().backward()
    names = [event.name for event in profiler.events() if event.cpu_parent is None]
    assert sum(name.startswith("aten::") for name in names) < 6 * steps
