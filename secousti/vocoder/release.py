"""Reading released vocoder weights strictly, weight normalisation folded."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from secousti.errors import SecoustiError

# Magnitude and direction of a normalised weight, in torch's new and old naming.
_PAIRS = (
    (".parametrizations.weight.original0", ".parametrizations.weight.original1"),
    (".weight_g", ".weight_v"),
)


def fold_weight_norm(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """``w = g v / |v|`` (norm over all but the first dimension) under the name ``*.weight``."""
    out = {name: tensor.float() for name, tensor in tensors.items()}
    for magnitude, direction in _PAIRS:
        for name in [name for name in out if name.endswith(direction)]:
            stem = name.removesuffix(direction)
            if stem + magnitude in out:
                v, g = out.pop(name), out.pop(stem + magnitude)
                norm = torch.linalg.vector_norm(v, dim=tuple(range(1, v.dim())), keepdim=True)
                out[f"{stem}.weight"] = g * v / norm
    return out


def load_folded(module: nn.Module, tensors: dict[str, Tensor], what: str) -> None:
    """Fill ``module`` from released ``tensors``, strictly.

    Raises:
        SecoustiError: names every missing and unexpected key, or the first size that differs.
    """
    state = fold_weight_norm(tensors)
    own = module.state_dict()
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise SecoustiError(
            f"these are not the weights of this {what}: missing {missing}, unexpected {unexpected}"
        )
    for name, tensor in own.items():
        if tensor.shape != state[name].shape:
            raise SecoustiError(
                f"{what} weight {name} is {list(state[name].shape)} in the file and "
                f"{list(tensor.shape)} in the configuration"
            )
    module.load_state_dict(state)
