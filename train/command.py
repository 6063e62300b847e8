"""The command of a trainer that is one file and some changes to it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import SecoustiError


def run_file(train: Callable[[Path, tuple[str, ...]], None], about: str) -> None:
    """Call ``train`` with a file and ``key=value`` changes from the command line.

    Arguments:
        about: what ``--help`` says. Errors of ours are one line on standard error, and exit 1.
    """

    def main(
        config: Annotated[Path, typer.Argument(help="a file of configs/")],
        overrides: Annotated[
            list[str] | None, typer.Argument(help="training.optim.lr=5e-4 and the like")
        ] = None,
    ) -> None:
        try:
            train(config, tuple(overrides or ()))
        except SecoustiError as error:
            print(error, file=sys.stderr)
            raise SystemExit(1) from None

    main.__doc__ = about
    typer.run(main)
