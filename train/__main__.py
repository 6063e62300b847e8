"""``accelerate launch -m train CONFIG`` or ``python -m train CONFIG``: train a codec."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import SecoustiError, require

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    config: Annotated[Path, typer.Argument(help="a file of configs/")],
    changes: Annotated[
        list[str] | None, typer.Argument(help="changes, as training.optim.lr=1e-4")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="refuse to continue an earlier run")] = False,
) -> None:
    """Train what CONFIG describes; a run that stopped continues from its last checkpoint."""
    try:
        require("accelerate", "train")
        from train.config import load
        from train.trainer import Trainer

        Trainer(load(config, tuple(changes or ())), resume=not fresh).run()
    except SecoustiError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
