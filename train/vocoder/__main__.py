"""``accelerate launch -m train.vocoder FILE [key=value ...]``: train, or continue, a vocoder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import SecoustiError


def main(
    config: Annotated[Path, typer.Argument(help="a file of configs/vocoder")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="training.optim.lr=5e-4 and the like")
    ] = None,
) -> None:
    """Train the vocoder of CONFIG; a run that was stopped continues where it was saved last."""
    from train.vocoder.config import load
    from train.vocoder.trainer import Trainer

    try:
        Trainer(load(config, tuple(overrides or ()))).run()
    except SecoustiError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
