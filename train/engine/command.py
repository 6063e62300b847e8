"""The one command line of all trainings: a file, ``key=value`` changes, ``--fresh``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import SecoustiError, print_notes, require
from secousti.paths import of_system

ConfigFile = Annotated[Path, typer.Argument(help="a file of configs/")]
Changes = Annotated[list[str] | None, typer.Argument(help="changes, as training.optim.lr=1e-4")]
Set = Annotated[list[str] | None, typer.Option("--set", help="another way to write a change")]
Fresh = Annotated[bool, typer.Option(help="refuse to continue an earlier run")]


def make_app() -> typer.Typer:
    """An application for one command; its errors are for ``one_sentence``."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def one_sentence() -> Iterator[None]:
    """A problem the user can act on is one line on standard error and exit status 1."""
    try:
        yield
        _leave()
    except SystemExit:  # how a command of several ends
        _leave()
        raise
    except (SecoustiError, OSError) as error:
        says = of_system(error) if isinstance(error, OSError) else error
        print(f"error: {says}", file=sys.stderr)
        raise SystemExit(1) from None


def _leave() -> None:
    """Let the other processes of a launch go, if there are any."""
    distributed = sys.modules.get("torch.distributed")
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def run_file(train: Callable[[Path, tuple[str, ...], bool], None], about: str) -> None:
    """Call ``train`` with a file, its changes, and whether to resume; ``about`` is its help."""

    def main(
        config: ConfigFile, changes: Changes = None, set: Set = None, fresh: Fresh = False
    ) -> None:
        print_notes("train")
        with one_sentence():
            require("accelerate", "train")
            train(config, (*(changes or ()), *(set or ())), not fresh)

    main.__doc__ = about
    app = make_app()
    app.command()(main)
    app()
