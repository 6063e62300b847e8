"""A code for voices from many of them, and from what the decoder makes of one."""

from __future__ import annotations

import heapq

import numpy as np
from numpy.typing import NDArray

from secousti.entropy.voice import SIZES

MAX_BITS = 16  # of an amount
SMALLEST = 1e-6  # reach of an amount in which no voices differ
MARGIN = 1.3  # of the largest amount met in training


def voice_code(voices: NDArray[np.float64], projection: NDArray[np.float64]) -> dict[str, NDArray]:
    """Tensors of a :class:`secousti.entropy.voice.VoiceCode`.

    Args:
        voices: [M, N] numbers in [-1, 1]. projection: [D, N], the decoder's map of a voice.
    """
    mean = voices.mean(0)
    values, vectors = np.linalg.eigh(projection.T @ projection)
    weighting = vectors * np.sqrt(np.maximum(values, values.max() * 1e-9)) @ vectors.T
    weighted = (voices - mean) @ weighting
    spread, axes = np.linalg.eigh(np.cov(weighted.T))
    axes = axes[:, np.argsort(-spread)]
    analysis = (weighting @ axes).T
    amounts = (voices - mean) @ analysis.T
    reach = np.maximum(np.abs(amounts).max(0), SMALLEST) * MARGIN
    basis = np.linalg.inv(analysis).T
    return {
        "mean": mean.astype(np.float32),
        "analysis": analysis.astype(np.float32),
        "basis": basis.astype(np.float32),
        "reach": reach.astype(np.float32),
        "bits": np.stack([_shares(amounts.var(0), reach, 8 * size) for size in SIZES]),
    }


def _shares(variance: NDArray, reach: NDArray, total: int) -> NDArray[np.uint8]:
    """Bits of every amount: each next one where it takes most of the error away."""

    def error(row: int, bits: int) -> float:
        step = 2 * reach[row] / (1 << bits)
        return float(min(variance[row], step**2 / 12)) if bits else float(variance[row])

    bits = np.zeros(len(reach), np.uint8)

    # One bit alone may gain nothing, so that the best of the next few counts, by the bit.
    def gain(row: int) -> tuple[float, int]:
        now, has = error(row, int(bits[row])), int(bits[row])
        steps = [more for more in (1, 2, 3) if has + more <= MAX_BITS]
        return max(((now - error(row, has + more)) / more, -more) for more in steps)

    queue = [(-gain(row)[0], row) for row in range(len(reach))]
    heapq.heapify(queue)
    left = total
    while left:
        _, row = heapq.heappop(queue)
        more = min(-gain(row)[1], left)
        bits[row] += more
        left -= more
        if bits[row] < MAX_BITS:
            heapq.heappush(queue, (-gain(row)[0], row))
    return bits
