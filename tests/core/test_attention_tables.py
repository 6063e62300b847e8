"""Masks and rotary tables are made once for a length, and are good for training afterwards."""

import torch
from torch.profiler import ProfilerActivity, profile

from secousti.acoustic import attention
from secousti.acoustic.transformer import Transformer
from secousti.config import TransformerConfig


def _transformer():
    config = TransformerConfig(d_model=16, num_heads=2, dim_feedforward=16, context=5)
    return Transformer(config, num_layers=3)


def _made(work):
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        work()
    return [event.name for event in profiler.events()].count("aten::arange")


def test_a_second_pass_of_the_same_length_makes_none():
    model, x = _transformer(), torch.randn(2, 16, 37)
    first = model(x)[0]
    assert _made(lambda: model(x)) == 0
    attention._kept_mask.cache_clear()
    attention._kept_tables.cache_clear()
    assert torch.equal(model(x)[0], first)


def test_what_was_made_in_inference_mode_serves_training():
    model, x = _transformer(), torch.randn(2, 16, 41)
    with torch.inference_mode():
        expected = model(x)[0].clone()
    found = model(x)[0]
    found.sum().backward()
    assert torch.equal(found.detach(), expected)


def test_no_more_than_a_few_are_kept():
    model = _transformer()
    for length in range(1, 60):
        model(torch.randn(1, 16, length))
    assert attention._kept_mask.cache_info().currsize <= 16
    assert attention._kept_tables.cache_info().currsize <= 8
    before = attention._kept_tables.cache_info().misses
    with torch.no_grad():
        model(torch.randn(1, 16, 5000))  # too long to be kept
    assert attention._kept_tables.cache_info().misses == before


def test_a_rotation_trains_with_the_bits_of_its_formula():
    torch.manual_seed(0)
    for dtype in (torch.float32, torch.bfloat16):
        tables = attention.offline_tables(19, 8, 10000.0, dtype, torch.device("cpu"))
        x, weight = torch.randn(2, 2, 3, 2, 19, 8, dtype=dtype)
        ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
        cos, sin = tables
        a, b = theirs.to(cos.dtype).unflatten(-1, (-1, 2)).unbind(-1)
        plain = torch.stack([a * cos - b * sin, a * sin + b * cos], dim=-1)
        y, z = attention.rotate(ours, tables), plain.flatten(-2).to(dtype)
        for sound in (y, z):
            (sound * weight).sum().backward()
        with torch.no_grad():
            assert torch.equal(attention.rotate(x, tables), z)
        assert torch.equal(y, z)
        assert torch.equal(ours.grad, theirs.grad)
