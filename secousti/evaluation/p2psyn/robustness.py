"""Lost tokens, levels and lengths: how far a disturbance of the input travels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from secousti.encoded import Encoded
from secousti.evaluation.metrics.base import Score
from secousti.p2psyn.codec import P2PSynCodec

LOSS_RATES = (0.0, 0.01, 0.05, 0.1, 0.2)
LEVELS_DB = (-12.0, -6.0, 6.0)
PIECES = (0.5, 2.0)  # seconds


def lose(encoded: Encoded, rate: float, generator: torch.Generator) -> tuple[Encoded, Tensor]:
    """Plain tokens with a share ``rate`` lost and concealed by the token before each.

    Returns the repaired tokens and a bool [L] of what was lost; the first token arrives.
    """
    from dataclasses import replace

    codes = encoded.codes[:, :1].clone()
    lost = torch.rand(codes.shape[-1], generator=generator) < rate
    lost[0] = False
    for t in lost.nonzero()[:, 0].tolist():
        codes[..., t] = codes[..., t - 1]
    return replace(encoded, codes=codes), lost


@torch.no_grad()
def loss_scores(
    codec: P2PSynCodec, audio: Tensor, mel: torch.nn.Module, rates: Sequence[float] = LOSS_RATES
) -> dict[tuple[float, str], Score]:
    """Log-mel error by loss rate and decode mode, and how many predictions one loss changes.

    ``spread``: predicted tokens, over all pseudo stages, that differ per lost plain token.
    """
    encoded = codec.encode(audio, codec.sample_rate)
    vectors = codec.teacher.quantizer.vectors()
    whole = codec.pseudo.predict(encoded.codes, vectors)[:, 1:]
    clean = mel(audio[None].cpu())
    scores: dict[tuple[float, str], Score] = {}
    for rate in rates:
        repaired, lost = lose(encoded, rate, torch.Generator().manual_seed(0))
        for mode in ("all", "plain"):
            decoded = mel(codec.decode(repaired, mode=mode)[0].cpu())
            scores[rate, mode] = Score(float((decoded - clean).abs().mean()), decoded.shape[-1])
        if lost.any():
            changed = codec.pseudo.predict(repaired.codes, vectors)[:, 1:] != whole
            scores[rate, "spread"] = Score(float(changed.sum() / lost.sum()), float(lost.sum()))
    return scores


@torch.no_grad()
def agreement_scores(codec: P2PSynCodec, audio: Tensor) -> dict[str, Score]:
    """Share of plain tokens that stay the same at another level, in pieces, before silence.

    A causal encoder cannot change with what follows; one with a global response norm can.
    """
    whole = codec.encode(audio, codec.sample_rate).codes[0, 0]
    scores = {}
    for level in LEVELS_DB:
        louder = codec.encode(audio * 10 ** (level / 20), codec.sample_rate).codes[0, 0]
        scores[f"level {level:+g} dB"] = _same(whole, louder)
    silence = torch.zeros(2 * codec.sample_rate, device=audio.device)
    longer = codec.encode(torch.cat([audio, silence]), codec.sample_rate).codes[
        0, 0, : len(whole) - 1
    ]
    scores["2 s of silence after"] = _same(whole[:-1], longer)
    for seconds in PIECES:
        tokens = round(seconds * codec.frame_rate)
        size = tokens * codec.frame_size
        pieces = [
            codec.encode(part, codec.sample_rate).codes[0, 0, :tokens] for part in audio.split(size)
        ]
        scores[f"pieces of {seconds:g} s"] = _same(whole, torch.cat(pieces)[: len(whole)])
    return scores


def _same(a: Tensor, b: Tensor) -> Score:
    length = min(len(a), len(b))
    return Score(float((a[:length] == b[:length]).float().mean()), float(length))
