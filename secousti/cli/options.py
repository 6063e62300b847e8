"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="IN...", help="Files, directories (searched), or - for standard input."),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A file, a directory (the tree of IN is mirrored), or - for standard output.",
    ),
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", help="A bundled model, a directory, or org/name on the Hub."),
]
Device = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda, cuda:1, mps.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that exist.")]
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")
]
