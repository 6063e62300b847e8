"""Muon: what its update is, and what trains by which rule."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from train.codec.config import OptimConfig
from train.engine.muon import Muon, merge_shapes, orthogonalise
from train.engine.optim import build_optimizer


@pytest.mark.parametrize("shape", [(2, 32, 64), (1, 64, 32), (3, 16, 16)])
def test_singular_values_end_near_one(shape):
    torch.manual_seed(0)  # a square matrix has a singular value near zero in one draw of fifteen
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


def test_matrices_side_by_side_train_as_each_by_itself():
    """Padding with zeros and transposing change the order of sums, nothing else."""
    torch.manual_seed(0)
    shapes = [(24, 40), (40, 24), (24, 36), (16, 8, 3), (24, 40), (12,), (3, 30)]
    together = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    apart = [torch.nn.Parameter(p.data.clone()) for p in together]
    optimizers = [Muon(together, lr=0.1)] + [Muon([p], lr=0.1) for p in apart]
    for _ in range(3):
        for a, b in zip(together, apart, strict=True):
            a.grad = torch.randn_like(a)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for a, b in zip(together, apart, strict=True):
        torch.testing.assert_close(a.data, b.data, atol=1e-2 * 0.1, rtol=0)


def test_a_step_makes_few_calls():
    class Calls(TorchDispatchMode):
        count = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            self.count += 1
            return function(*args, **(kwargs or {}))

    shapes = [(64, 64 + 8 * (n % 12)) for n in range(60)] + [(48,)] * 80
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    optimizer = Muon(parameters, lr=0.1, weight_decay=0.1)
    for _ in range(2):
        for p in parameters:
            p.grad = torch.randn_like(p)
        with Calls() as calls:
            optimizer.step()
    assert calls.count < 300  # one by one they were thousands


def test_few_shapes_for_little_more_arithmetic():
    shapes = [(32, 64)] * 2 + [(32, 60)] * 5 + [(256, 768)] * 30 + [(256, 760)]
    places = merge_shapes(shapes)
    assert len(set(places)) == 2
    assert all(a <= c and b <= d for (a, b), (c, d) in zip(shapes, places, strict=True))
    cost = [sum(a * a * b for a, b in some) for some in (shapes, places)]
    assert cost[1] <= 1.1 * cost[0]
