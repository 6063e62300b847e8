"""How the modules of this folder run as programs: errors are one sentence and exit code 1."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import typer

from secousti.errors import SecoustiError, print_notes


def run(main: Callable[..., Any]) -> None:
    """Run a function of Typer options as a program, as ``secousti`` runs its commands."""
    print_notes("secousti")
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except (SecoustiError, OSError) as error:
        typer.echo(f"secousti: error: {error}", err=True)
        sys.exit(1)
