"""The mean of the weights of several checkpoints of one run (or of runs that began alike).

    python -m train.average RUN/checkpoints/best/codec RUN/checkpoints/last/codec -o RUN/averaged

The averaged codec is often better than each (Izmailov et al. 2018; Wortsman et al. 2022): what the
checkpoints disagree about is noise of the last steps.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import torch
import typer

from secousti.codec import SecoustiCodec
from secousti.errors import SecoustiError


def average(names: Sequence[str | Path]) -> SecoustiCodec:
    """A codec of the first one's kind whose weights are the mean over all.

    Raises:
        SecoustiError: fewer than two, one is missing, or they are not of one configuration.
    """
    if len(names) < 2:
        raise SecoustiError("an average needs at least two codecs")
    mean, *others = (SecoustiCodec.from_pretrained(name) for name in names)
    for name, other in zip(names[1:], others, strict=True):
        if other.config != mean.config:
            raise SecoustiError(f"{name} and {names[0]} are not of one configuration")
    weights = [codec.state_dict() for codec in (mean, *others)]
    mean.load_state_dict({k: _mean([w[k] for w in weights]) for k in weights[0]})
    return mean


def _mean(tensors: list[torch.Tensor]) -> torch.Tensor:
    """In double precision, whose rounding does not depend on their order; counters of the first."""
    if not tensors[0].is_floating_point():
        return tensors[0]
    return torch.stack([t.double() for t in tensors]).mean(0).to(tensors[0].dtype)


def main(
    codecs: Annotated[list[Path], typer.Argument(help="folders of codecs, two or more")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder of the averaged one")],
) -> None:
    """Average the weights of CODECS."""
    try:
        codec = average(codecs)
        codec.model_id = output.name
        codec.save_pretrained(output)
    except SecoustiError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
    print(f"{output}: the mean of {len(codecs)} codecs, weight hash {codec.weight_hash}")


if __name__ == "__main__":
    typer.run(main)
