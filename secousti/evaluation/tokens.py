"""What the tokens of a codec look like as a whole: use, evenness and predictability."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from secousti.errors import SecoustiError

Codes = NDArray[np.int64]


@dataclass(frozen=True)
class TokenStatistics:
    """Statistics of one codebook over a whole data set.

    Entropies are plug-in estimates: with few tokens against the codebook's size they are too
    low, the conditional one far too low, so the number of tokens is always printed beside them.

    Attributes:
        tokens: how many were counted.
        codebook_size: how many ids there are.
        utilisation: share of the ids that occur (Fig. 4 of the SecoustiCodec paper).
        perplexity: 2 to the entropy: the size of an evenly used codebook as unpredictable.
        top_share: share of the commonest id (the head of the long tail, Fig. 4).
        entropy: bits a token, ids taken one by one.
        conditional_entropy: bits a token when the id before it is known.
    """

    tokens: int
    codebook_size: int
    utilisation: float
    perplexity: float
    top_share: float
    entropy: float
    conditional_entropy: float

    def as_dict(self) -> dict[str, Any]:
        """Plain dict for JSON."""
        return asdict(self)


def token_counts(streams: list[Codes], codebook_size: int) -> NDArray[np.int64]:
    """How often each id occurs, ``[codebook_size]``, over streams of ids ``[L]``.

    Raises:
        SecoustiError: an id lies outside the codebook.
    """
    ids = np.concatenate([np.asarray(s, np.int64) for s in streams]) if streams else np.array([])
    ids = ids.astype(np.int64)
    if len(ids) and (ids.min() < 0 or ids.max() >= codebook_size):
        raise SecoustiError(
            f"token ids from {ids.min()} to {ids.max()} do not fit a codebook of {codebook_size}"
        )
    return np.bincount(ids, minlength=codebook_size)


def entropy(counts: NDArray[np.int64]) -> float:
    """Shannon entropy in bits of the distribution given by ``counts``; 0 without any count."""
    seen = counts[counts > 0]
    if not len(seen):
        return 0.0
    shares = seen / seen.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def conditional_entropy(streams: list[Codes], codebook_size: int) -> float:
    """Entropy in bits of an id given the id before it in the same stream."""
    pairs = [s[:-1].astype(np.int64) * codebook_size + s[1:] for s in streams if len(s) > 1]
    if not pairs:
        return 0.0
    _, joint = np.unique(np.concatenate(pairs), return_counts=True)
    previous = token_counts([s[:-1] for s in streams if len(s) > 1], codebook_size)
    return max(0.0, entropy(joint) - entropy(previous))


def token_statistics(streams: list[Codes], codebook_size: int) -> TokenStatistics:
    """Statistics of one codebook from the id streams ``[L]`` of all utterances."""
    counts = token_counts(streams, codebook_size)
    total = int(counts.sum())
    bits = entropy(counts)
    return TokenStatistics(
        tokens=total,
        codebook_size=codebook_size,
        utilisation=float((counts > 0).mean()),
        perplexity=float(2**bits),
        top_share=float(counts.max() / total) if total else 0.0,
        entropy=bits,
        conditional_entropy=conditional_entropy(streams, codebook_size),
    )


def codebook_statistics(
    utterances: list[list[Codes]], codebook_sizes: tuple[int, ...]
) -> list[TokenStatistics]:
    """Statistics of every codebook, from one id stream ``[L]`` a codebook and utterance."""
    return [
        token_statistics([streams[k] for streams in utterances], size)
        for k, size in enumerate(codebook_sizes)
    ]
