"""How the stages' codebooks are used, and how much of a stage is predictable at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from secousti.evaluation.tokens import Codes, entropy, token_counts, token_statistics


@dataclass(frozen=True)
class StageUse:
    """One codebook over a data set; entropies are in bits a token.

    Attributes:
        stage: 0 is the plain one.
        utilisation, perplexity, entropy: of its tokens.
        given_plain: plug-in entropy given the plain token of the same frame; too low when pairs
            are rare against ``pairs``, the number of different ones seen.
        given_before: the same given the token of the stage before.
        pairs: different (plain, own) pairs seen.
        tokens: counted.
    """

    stage: int
    utilisation: float
    perplexity: float
    entropy: float
    given_plain: float | None
    given_before: float | None
    pairs: int
    tokens: int


def codebook_use(recordings: list[np.ndarray], codebook_size: int) -> list[StageUse]:
    """Recordings int64 [S, L] of all stages -> one row a stage."""
    stages = recordings[0].shape[0]
    rows = []
    for stage in range(stages):
        own = [codes[stage] for codes in recordings]
        figures = token_statistics(own, codebook_size)
        plain, pairs = _given(own, [codes[0] for codes in recordings], codebook_size)
        before = None
        if stage:
            before, _ = _given(own, [codes[stage - 1] for codes in recordings], codebook_size)
        rows.append(
            StageUse(
                stage,
                figures.utilisation,
                figures.perplexity,
                figures.entropy,
                plain if stage else None,
                before,
                pairs if stage else 0,
                figures.tokens,
            )
        )
    return rows


def _given(own: list[Codes], other: list[Codes], size: int) -> tuple[float, int]:
    """(plug-in H(own | other) of the same frame, different pairs seen)."""
    joint = np.concatenate([o * size + c for o, c in zip(other, own, strict=True)])
    _, counts = np.unique(joint, return_counts=True)
    return max(0.0, entropy(counts) - entropy(token_counts(other, size))), len(counts)
