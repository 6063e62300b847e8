"""``python -m train.voice FILE [key=value ...]``: train, or continue, a listener."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import SecoustiError


def main(
    config: Annotated[Path, typer.Argument(help="configs/voice_listener.yaml, or one like it")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="training.optim.lr=5e-4 and the like")
    ] = None,
) -> None:
    """Train the listener of CONFIG, which codecs learn conversion from (objective.listener)."""
    from train.voice.config import load
    from train.voice.trainer import Trainer

    try:
        Trainer(load(config, tuple(overrides or ()))).run()
    except SecoustiError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    typer.run(main)
