"""Muon: what its update is, and what trains by which rule."""

import pytest
import torch

from train.codec.config import OptimConfig
from train.engine.muon import Muon, orthogonalise
from train.engine.optim import build_optimizer


@pytest.mark.parametrize("shape", [(2, 32, 64), (1, 64, 32), (3, 16, 16)])
def test_singular_values_end_near_one(shape):
    matrices = torch.randn(shape) * 1e-4
    values = torch.linalg.svdvals(orthogonalise(matrices).float())
    assert values.min() > 0.3
    assert values.max() < 1.3


def test_the_update_turns_where_the_gradient_points():
    torch.manual_seed(0)
    weight = torch.nn.Parameter(torch.zeros(16, 32))
    gradient = torch.randn(16, 32)
    weight.grad = gradient.clone()
    Muon([weight], lr=0.1).step()
    u, _, v = torch.linalg.svd(gradient, full_matrices=False)
    cosine = torch.cosine_similarity(-weight.data.flatten(), (u @ v).flatten(), dim=0)
    assert cosine > 0.95
    size = weight.data.square().mean().sqrt()
    # Liu et al., eq. 4: lr x 0.2, whatever the shape, as AdamW's
    assert size == pytest.approx(0.1 * 0.2, rel=0.15)


def test_a_convolution_trains_as_the_matrix_it_is():
    flat = torch.nn.Parameter(torch.randn(16, 8 * 3 * 2))
    conv = torch.nn.Parameter(flat.data.view(16, 16, 3).clone())
    optimizers = [Muon([p], lr=0.1, weight_decay=0.1) for p in (flat, conv)]
    for _ in range(3):
        gradient = torch.randn(16, 48)
        flat.grad, conv.grad = gradient.clone(), gradient.view(16, 16, 3).clone()
        for optimizer in optimizers:
            optimizer.step()
    torch.testing.assert_close(flat.data, conv.data.flatten(1))


def test_vectors_and_narrow_matrices_train_as_with_adamw():
    shapes = [(7,), (3, 40), (40, 4)]
    ours = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    theirs = [torch.nn.Parameter(p.data.clone()) for p in ours]
    muon = Muon(ours, lr=1e-2, betas=(0.9, 0.98), weight_decay=0.1)
    adamw = torch.optim.AdamW(
        [{"params": theirs[:1], "weight_decay": 0.0}, {"params": theirs[1:], "weight_decay": 0.1}],
        lr=1e-2,
        betas=(0.9, 0.98),
    )
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        muon.step()
        adamw.step()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.data, b.data)


def test_it_is_chosen_by_name_and_learns():
    torch.manual_seed(0)
    x, layer = torch.randn(64, 16), torch.nn.Linear(16, 16)
    wanted = x @ torch.randn(16, 16)
    optimizer = build_optimizer(layer.parameters(), OptimConfig(name="muon", lr=0.3))
    assert isinstance(optimizer, Muon)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (layer(x) - wanted).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]
