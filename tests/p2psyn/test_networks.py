"""Backbone, Conformer and quantizer: sizes, references, causality, padding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torchaudio
from torch import nn

from secousti.errors import SecoustiError
from secousti.evaluation.codecs.ours import Secousti
from secousti.evaluation.p2psyn.flops import count_macs, paper_gflops
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.report.table import structure_table
from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.config import BackboneConfig, P2PSynConfig, PseudoConfig, QuantizerConfig
from secousti.p2psyn.conformer import ConformerBlock
from secousti.p2psyn.convnext import (
    GlobalResponseNorm,
    SpectrumDecoder,
    SpectrumEncoder,
    add_weight_norm,
    fold_weight_norm,
)
from secousti.p2psyn.pseudo_vq import PseudoVQ, length_mask
from secousti.p2psyn.rvq import ResidualVQ, lookup
from tests.p2psyn.toy import shaken, tiny_causal_config, tiny_config, toy_codec


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_sizes_of_the_paper() -> None:
    codec = P2PSynCodec(P2PSynConfig())
    assert parameters(codec.teacher) == pytest.approx(6.75e6, rel=0.002)
    assert parameters(codec) == pytest.approx(22.99e6, rel=0.002)
    add_weight_norm(codec.teacher.encoder, codec.teacher.decoder)
    assert parameters(codec.teacher) == 6_754_960
    assert parameters(codec) == 23_007_376
    assert codec.bitrate == 500.0
    assert P2PSynCodec(P2PSynConfig(sample_rate=48000)).bitrate == 1500.0


def test_operations_of_the_paper() -> None:
    codec = P2PSynCodec(P2PSynConfig())
    paper, true = count_macs(codec, "paper"), count_macs(codec, "true")
    assert paper.total == pytest.approx(3.31e9, rel=0.01)
    assert true.total == pytest.approx(2.92e9, rel=0.03)
    no_embed = replace(codec.config.backbone, decoder_embed=False)
    base = count_macs(P2PSynCodec(replace(codec.config, backbone=no_embed)), "paper")
    assert base.teacher == pytest.approx(2.32e9, rel=0.01)  # the table's row fits this revision


def test_weight_norm_folds_into_the_same_function() -> None:
    encoder = shaken(SpectrumEncoder(tiny_config().backbone))
    x = torch.randn(1, 40, 32)
    want = encoder(x)[0]
    add_weight_norm(encoder)
    torch.testing.assert_close(encoder(x)[0], want)
    fold_weight_norm(encoder)
    assert not any("parametrizations" in name for name in encoder.state_dict())
    torch.testing.assert_close(encoder(x)[0], want)


@pytest.mark.parametrize("causal", [False, True])
def test_padding_changes_nothing(causal: bool) -> None:
    config = (tiny_causal_config() if causal else tiny_config()).backbone
    encoder, decoder = shaken(SpectrumEncoder(config)), shaken(SpectrumDecoder(config))
    lengths = torch.tensor([9, 4])
    x = torch.randn(2, 40, 72)
    mask = length_mask(lengths, 9)
    latents, _ = encoder(x, None, mask)
    spectra, _ = decoder(latents, None, mask)
    alone, _ = encoder(x[1:, :, :32])
    torch.testing.assert_close(latents[1:, :, :4], alone, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(spectra[1:, :, :32], decoder(alone)[0], atol=1e-5, rtol=1e-4)


def test_response_norm_over_time_and_in_a_frame() -> None:
    x = torch.randn(1, 12, 6)
    changed = x.clone()
    changed[:, 11] += 1
    for kind, moves in (("global", True), ("frame", False)):
        norm = shaken(GlobalResponseNorm(6, kind))
        assert bool((norm(x)[:, 0] != norm(changed)[:, 0]).any()) is moves


def test_what_cannot_stream_says_so() -> None:
    with pytest.raises(SecoustiError, match="grn"):
        BackboneConfig(causal=True)
    with pytest.raises(SecoustiError, match="context"):
        PseudoConfig(causal=True)
    with pytest.raises(ValueError, match="causal"):
        SpectrumEncoder(tiny_config().backbone).init_state(1)
    with pytest.raises(ValueError, match="causal"):
        PseudoVQ(tiny_config().pseudo, 8, 32).init_state(1)


def test_conformer_is_torchaudios() -> None:
    config = PseudoConfig(channels=32, heads=4, ffn=48, conv_kernel=9, dropout=0.0)
    theirs = shaken(torchaudio.models.Conformer(32, 4, 48, 1, 9)).conformer_layers[0]
    ours = ConformerBlock(config)
    ours.load_state_dict(_from_torchaudio(theirs.state_dict()))
    x = torch.randn(2, 20, 32)
    lengths = torch.tensor([20, 20])
    want = theirs(x.transpose(0, 1), lengths[:, None] <= torch.arange(20)).transpose(0, 1)
    torch.testing.assert_close(ours.eval()(x)[0], want, atol=1e-5, rtol=1e-4)


def _from_torchaudio(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    names = {
        "ffn1.sequential": "feed_forward1",
        "ffn2.sequential": "feed_forward2",
        "self_attn_layer_norm": "attention.norm",
        "self_attn.in_proj_": "attention.in_proj.",
        "self_attn.out_proj": "attention.out_proj",
        "conv_module.layer_norm": "convolution.norm",
        "conv_module.sequential.0": "convolution.expand",
        "conv_module.sequential.2": "convolution.depthwise.conv",
        "conv_module.sequential.3": "convolution.batch_norm",
        "conv_module.sequential.5": "convolution.project",
        "final_layer_norm": "norm",
    }
    out = {}
    for name, tensor in state.items():
        old = next(n for n in names if name.startswith(n))
        pointwise = "sequential.0.weight" in name or "sequential.5.weight" in name
        squeeze = pointwise and "conv_module" in name
        out[names[old] + name[len(old) :]] = tensor[..., 0] if squeeze else tensor
    return out


def test_bidirectional_pseudo_vq_ignores_padding() -> None:
    network = shaken(PseudoVQ(tiny_config().pseudo, 8, 32))
    x = torch.randn(2, 8, 30)
    together = network(x, None, torch.tensor([30, 11]))[0]
    alone = network(x[1:, :, :11])[0]
    torch.testing.assert_close(together[1:, :, :11], alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_causal_pseudo_vq_streams_beyond_its_context(chunk: int) -> None:
    network = shaken(PseudoVQ(tiny_causal_config().pseudo, 8, 32))  # context 7
    x = torch.randn(2, 8, 50)
    want = network(x)[0]
    state, parts = network.init_state(2), []
    for piece in x.split(chunk, dim=-1):
        logits, state = network(piece, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, -1), want, atol=1e-5, rtol=1e-4)
    later = x.clone()
    later[..., 30:] = 0
    torch.testing.assert_close(network(later)[0][..., :30], want[..., :30], atol=1e-6, rtol=0)
    assert (network(later)[0][..., 30] != want[..., 30]).any()


@pytest.mark.parametrize("metric", ["euclid", "cosine"])
@pytest.mark.parametrize("projections", [False, True])
def test_quantizer(metric: str, projections: bool) -> None:
    config = QuantizerConfig(16, 2, metric, projections)  # type: ignore[arg-type]
    quantizer = ResidualVQ(config, 6)
    latents = torch.randn(3, 6, 10, requires_grad=True)
    out = quantizer(latents)
    assert out.codes.shape == (3, 3, 10)
    torch.testing.assert_close(out.codes, quantizer.encode(latents))
    torch.testing.assert_close(out.codes[:, :1], quantizer.encode(latents, stages=1))
    torch.testing.assert_close(
        lookup(quantizer.vectors(), out.codes), out.vectors, atol=1e-5, rtol=1e-4
    )
    if not projections:
        first = latents.transpose(1, 2)[:, :, None] - quantizer.codebooks[0]
        if metric == "euclid":  # eq. 1, by brute force
            assert torch.equal(first.square().sum(-1).argmin(-1), out.codes[:, 0])
        grad = torch.autograd.grad(out.vectors.sum(), latents)[0]
        torch.testing.assert_close(grad, torch.ones_like(grad))  # straight through


def test_quantizer_losses_move_the_right_side() -> None:
    quantizer = ResidualVQ(QuantizerConfig(16, 0), 6)
    latents = torch.randn(1, 6, 10, requires_grad=True)
    out = quantizer(latents)
    assert (
        torch.autograd.grad(out.codebook_loss, latents, retain_graph=True, allow_unused=True)[0]
        is None
    )
    commit = torch.autograd.grad(out.commit_loss, quantizer.codebooks, allow_unused=True)[0]
    assert commit is None or not commit.any()
    exact = lookup(quantizer.vectors(), out.codes).detach()
    assert float(quantizer(exact).commit_loss) < 1e-12


def test_a_folded_teacher_leaves_the_one_in_training_alone() -> None:
    teacher = P2PSynCodec(tiny_config()).teacher
    add_weight_norm(teacher.encoder, teacher.decoder)
    audio = torch.randn(1, 1, 320 * 4 - 40)
    want = teacher(audio)[2]
    folded = teacher.folded()
    torch.testing.assert_close(folded(audio)[2], want)
    torch.testing.assert_close(teacher(audio)[2], want)
    assert parameters(folded) < parameters(teacher)


def test_table_1_has_the_papers_flops(tmp_path: Path) -> None:
    """3.31 in the paper's FLOPs column, once for 16 and 48 kHz; 2.32 for MDCTCodec."""
    for rate in (16000, 48000):
        codec = P2PSynCodec(replace(P2PSynConfig(), sample_rate=rate)).eval()
        assert paper_gflops(codec) == pytest.approx(3.31, rel=0.01)
    toy_codec().save_pretrained(tmp_path)
    plain, whole = (Secousti(model=str(tmp_path), mode=mode).info() for mode in ("plain", "all"))
    assert plain.gflops is not None
    assert whole.gflops is not None
    assert 0 < plain.gflops < whole.gflops
    row = {"codec": "MDCTCodec", "parameters": "6.75 M", "gflops": 2.32}
    table = structure_table(Summary("", "", 0, 0, 0, [], [], [], quoted={"rows": [row]}))
    assert dict(zip(table.headings, table.rows[0], strict=True))["GFLOPs"] == "2.32"
