from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from train.codec.losses import kl_to_standard_normal, kl_with_margin, masked_mse, sample_normal


def test_masked_mse_ignores_padding():
    torch.manual_seed(0)
    a, b = torch.randn(2, 3, 5), torch.randn(2, 3, 5)
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0]]).bool()
    expected = torch.cat([(a - b)[0].flatten(), (a - b)[1, :, :2].flatten()]).square().mean()
    torch.testing.assert_close(masked_mse(a, b, mask), expected)
    assert masked_mse(a, b, torch.zeros_like(mask)) == 0


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_kl_equals_the_one_of_torch_distributions(reduction):
    torch.manual_seed(0)
    mu, logvar = torch.randn(4, 6), torch.randn(4, 6)
    expected = kl_divergence(Normal(mu, (0.5 * logvar).exp()), Normal(0.0, 1.0))
    expected = getattr(expected, reduction)(1)
    torch.testing.assert_close(kl_to_standard_normal(mu, logvar, reduction, 1), expected)


def test_margin_leaves_a_small_divergence_alone():
    kl = torch.tensor([0.1, 0.5, 2.0], requires_grad=True)
    kl_with_margin(kl, 0.5).sum().backward()
    assert kl_with_margin(kl, 0.5).tolist() == pytest.approx([0, 0, 1.5])
    assert kl.grad.tolist() == [0, 0, 1]


def test_samples_have_the_asked_mean_and_deviation():
    mu = torch.full((200_000,), 3.0)
    logvar = torch.full((200_000,), math.log(0.25))
    sample = sample_normal(mu, logvar, torch.Generator().manual_seed(0))
    assert sample.mean().item() == pytest.approx(3.0, abs=0.01)
    assert sample.std().item() == pytest.approx(0.5, abs=0.01)
