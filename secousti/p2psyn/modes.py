"""What stands in for a stage's tokens at the decoder: the prediction, or one of its ablations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from secousti.errors import SecoustiError

STAGE_MODES = {
    "argmax": "the most likely token (eq. 4)",
    "expected": "the mean of the code vectors under the predicted distribution",
    "sample": "a token drawn from the predicted distribution",
    "oracle": "the teacher's own token, which the encoder must send",
    "zeros": "token 0 everywhere: a constant vector",
    "random": "a uniformly drawn token",
    "unigram": "a token drawn by its frequency in the training set",
    "drop": "no vector at all",
}
_ALIASES = ("all", "plain")
PREDICTED = ("argmax", "expected", "sample")


def stage_modes(mode: str | Sequence[str], stages: int, estimate: str = "argmax") -> list[str]:
    """One mode per pseudo stage from one name or a list; ``all`` is ``estimate``, ``plain`` drop.

    Raises:
        SecoustiError: an unknown name or a list of another length.
    """
    names = [mode] * stages if isinstance(mode, str) else list(mode)
    meanings = {"all": estimate, "plain": "drop"}
    names = [meanings.get(name, name) for name in names]
    if len(names) != stages:
        raise SecoustiError(f"{len(names)} decode modes were given for {stages} pseudo stages")
    for name in names:
        if name not in STAGE_MODES:
            known = ", ".join([*_ALIASES, *STAGE_MODES])
            raise SecoustiError(f"unknown decode mode {name!r}; known are {known}")
    return names


def predicts(mode: str | Sequence[str], stages: int) -> bool:
    """Whether a mode asks any pseudo VQ for its prediction.

    Raises:
        SecoustiError: as ``stage_modes``.
    """
    return any(name in PREDICTED for name in stage_modes(mode, stages))


def choose(
    mode: str,
    vectors: Tensor,
    logits: Tensor | None,
    oracle: Tensor | None,
    prior: Tensor,
    like: Tensor,
    generator: torch.Generator | None,
    temperature: float,
) -> Tensor:
    """The vectors [B, K, L] that a stage adds.

    Args:
        vectors: of the stage's tokens, [M, K].
        logits: [B, M, L] for the predicted modes.
        oracle: int64 [B, L] for ``oracle``.
        prior: the tokens' frequencies, [M].
        like: int64 [B, L], for shape and device.

    Raises:
        SecoustiError: ``oracle`` without the teacher's tokens.
    """
    if mode == "expected":
        assert logits is not None
        weights = (logits.float() / temperature).softmax(dim=1)
        return torch.einsum("bml,mk->bkl", weights, vectors)
    if mode == "oracle" and oracle is None:
        raise SecoustiError("mode 'oracle' needs every stage's tokens: encode with stages='all'")
    tokens = {
        "argmax": lambda: _given(logits).argmax(dim=1),
        "sample": lambda: _draw(
            (_given(logits).float() / temperature).softmax(dim=1).transpose(1, 2), generator
        ),
        "oracle": lambda: _given(oracle),
        "zeros": lambda: torch.zeros_like(like),
        "random": lambda: _draw(torch.ones_like(prior).expand(*like.shape, -1), generator),
        "unigram": lambda: _draw(prior.expand(*like.shape, -1), generator),
    }[mode]()
    return F.embedding(tokens, vectors).transpose(1, 2)


def _given(value: Tensor | None) -> Tensor:
    assert value is not None
    return value


def _draw(weights: Tensor, generator: torch.Generator | None) -> Tensor:
    """One index per row of weights [B, L, M], int64 [B, L]; the CPU's generator, any device."""
    flat = weights.reshape(-1, weights.shape[-1]).cpu()
    drawn = torch.multinomial(flat, 1, generator=generator)
    return drawn.view(weights.shape[:-1]).to(weights.device)
