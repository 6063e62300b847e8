"""The tiled contrastive loss against the plain N x N one of equation 7."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import distributed as dist
from torch import multiprocessing as mp
from torch.nn import functional as F

from secousti.errors import SecoustiError
from secousti.semantic.contrastive import FrameContrastiveLoss, contrastive_loss


def plain_loss(speech, phonemes, scale):
    logits = scale * speech @ phonemes.T
    target = torch.arange(len(speech))
    return 0.5 * (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target))


def pairs(n, d=16, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    s, p = (
        F.normalize(torch.randn(n, d, generator=generator, dtype=dtype), dim=-1) for _ in range(2)
    )
    scale = torch.tensor(14.0, dtype=dtype)
    return [x.requires_grad_() for x in (s, p, scale)]


@pytest.mark.parametrize("tile", [1, 7, 64, 1000])
def test_value_and_gradients_equal_the_plain_loss(tile):
    inputs, twins = pairs(61), pairs(61)
    loss, expected = contrastive_loss(*inputs, tile=tile), plain_loss(*twins)
    torch.testing.assert_close(loss, expected, rtol=1e-12, atol=1e-12)
    (3 * loss).backward()
    (3 * expected).backward()
    for x, y in zip(inputs, twins, strict=True):
        torch.testing.assert_close(x.grad, y.grad, rtol=1e-10, atol=1e-12)


def test_gradients_by_finite_differences():
    assert torch.autograd.gradcheck(lambda *x: contrastive_loss(*x, tile=3), pairs(7, d=4))


def test_large_logits_do_not_overflow():
    s, p, _ = pairs(20, dtype=torch.float32)
    loss = contrastive_loss(s, p, torch.tensor(1e4), tile=6)
    assert math.isfinite(loss.item())
    torch.testing.assert_close(loss, plain_loss(s, p, torch.tensor(1e4)), rtol=1e-4, atol=1e-2)


def test_chance_level_is_log_n():
    same = torch.ones(50, 8)
    assert contrastive_loss(same, same, torch.tensor(5.0)).item() == pytest.approx(math.log(50))


def test_matching_pairs_cost_less_than_shuffled_ones():
    s, _, scale = pairs(40)
    matched, shuffled = contrastive_loss(s, s, scale), contrastive_loss(s, s.roll(1, 0), scale)
    assert matched < 1e-2 < shuffled


def test_masked_frames_are_neither_pairs_nor_negatives():
    torch.manual_seed(1)
    loss = FrameContrastiveLoss(tile=8)
    s, p = torch.randn(3, 5, 16), torch.randn(3, 5, 16)
    mask = torch.tensor([[1, 1, 1, 0, 0], [0, 0, 0, 0, 0], [1, 1, 1, 1, 1]]).bool()
    value = loss(s, p, mask)
    s[~mask] = 1e3
    p[~mask] = -1e3
    torch.testing.assert_close(loss(s, p, mask), value)
    alone = loss(s[mask][None], p[mask][None], torch.ones(1, 8, dtype=torch.bool))
    torch.testing.assert_close(alone, value)


def test_a_batch_without_text_has_zero_loss_and_zero_gradients():
    loss = FrameContrastiveLoss()
    s = torch.randn(2, 4, 8, requires_grad=True)
    value = loss(s, torch.randn(2, 4, 8), torch.zeros(2, 4, dtype=torch.bool))
    value.backward()
    assert value.item() == 0
    assert s.grad.abs().sum() == 0
    assert loss.log_scale.grad == 0


def test_temperature_is_learnt_and_limited():
    loss = FrameContrastiveLoss(temperature=0.5, max_scale=4.0)
    s = torch.randn(2, 6, 8)
    loss(s, s, torch.ones(2, 6, dtype=torch.bool)).backward()
    assert loss.log_scale.grad < 0  # matching pairs ask for sharper logits
    limited = FrameContrastiveLoss(temperature=0.01, max_scale=4.0)
    mask = torch.ones(1, 12, dtype=torch.bool)
    flat = F.normalize(s.reshape(12, 8), dim=-1)
    expected = plain_loss(flat, flat, torch.tensor(4.0))
    torch.testing.assert_close(limited(s.reshape(1, 12, 8), s.reshape(1, 12, 8), mask), expected)


def test_impossible_settings_are_refused():
    with pytest.raises(SecoustiError, match="temperature"):
        FrameContrastiveLoss(temperature=0.0)


def test_memory_grows_with_n_not_with_its_square():
    s, p, scale = pairs(3000, d=8, dtype=torch.float32)
    largest = 0

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            nonlocal largest
            out = func(*args, **(kwargs or {}))
            for t in out if isinstance(out, tuple | list) else [out]:
                largest = max(largest, t.numel() if isinstance(t, torch.Tensor) else 0)
            return out

    with Watch():
        contrastive_loss(s, p, scale, tile=100).backward()
    assert largest <= 3000 * 8


def test_kernels_find_the_loss_and_gradients_of_float64():
    pytest.importorskip("triton")
    script = Path(__file__).with_name("fused_contrastive.py")
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    command = [sys.executable, str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert max(found["float32"]) < 1e-5
    assert max(found["one pair"]) < 1e-5  # none counts: a loss and gradients of 0
    assert max(found["tf32"]) < 1e-3
    assert max(found["tf32, sharpest"]) < 3e-3  # rounded logits of up to 100


@pytest.mark.parametrize("capability", [80, 90])
def test_kernels_compile_to_tf32_products_that_fit_every_gpu(capability, tmp_path, monkeypatch):
    triton = pytest.importorskip("triton")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from secousti.semantic import contrastive_kernels as kernels

    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    sizes = {"d": 512, "BLOCK": kernels._BLOCK, "DEPTH": kernels._DEPTH}
    for kernel in (kernels._log_sum_exp_kernel, kernels._gradient_kernel):
        whole = {"first", "rows", "columns"}
        kinds = {name: "i32" if name in whole else "*fp32" for name in kernel.arg_names}
        kinds |= {"counts": "*i32"} | dict.fromkeys(sizes, "constexpr")
        compiled = triton.compile(
            ASTSource(kernel, kinds, sizes),
            target=GPUTarget("cuda", capability, 32),
            options={"num_warps": 8, "num_stages": 2},
        )
        assert "tf32" in compiled.asm["ptx"]
        assert compiled.metadata.shared <= 99 * 1024  # what the smallest of them has


def _two_processes(rank, address, results):
    dist.init_process_group("gloo", init_method=f"file://{address}", rank=rank, world_size=2)
    s, p, _ = pairs(21, seed=5)
    own = slice(0, 8) if rank == 0 else slice(8, 21)  # unequal shares
    parts = [s[own].detach().requires_grad_(), p[own].detach().requires_grad_()]
    loss = FrameContrastiveLoss(temperature=1 / 14.0, tile=5, gather=True)
    mask = torch.ones(1, len(parts[0]), dtype=torch.bool)
    value = loss(parts[0][None], parts[1][None], mask)
    value.backward()
    gradients = [x.grad.tolist() for x in parts]
    results.put((rank, value.item(), gradients, loss.log_scale.grad.item()))
    dist.barrier()
    dist.destroy_process_group()


def test_gathered_negatives_equal_one_process_with_the_whole_batch(tmp_path):
    context = mp.get_context("spawn")
    results = context.Queue()
    mp.start_processes(
        _two_processes, (str(tmp_path / "rendezvous"), results), 2, start_method="spawn"
    )
    ranks = sorted(results.get() for _ in range(2))
    s, p, _ = pairs(21, seed=5)
    whole = FrameContrastiveLoss(temperature=1 / 14.0, tile=5)
    value = whole(s[None], p[None], torch.ones(1, 21, dtype=torch.bool))
    value.backward()
    assert sum(r[1] for r in ranks) / 2 == pytest.approx(value.item(), rel=1e-5)
    assert sum(r[3] for r in ranks) / 2 == pytest.approx(whole.log_scale.grad.item(), rel=1e-4)
    for i, x in enumerate((s, p)):
        together = torch.tensor(ranks[0][2][i] + ranks[1][2][i], dtype=x.dtype) / 2
        torch.testing.assert_close(together, x.grad, rtol=1e-4, atol=1e-7)
