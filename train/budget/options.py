"""What the trainings within a budget have in common on their command lines, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Recordings = Annotated[
    str, typer.Argument(help="a folder of recordings, a corpus's folder, or a manifest")
]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="what it leaves")]
Changes = Annotated[
    list[str] | None,
    typer.Argument(help="changes of its training files, as codec:training.optim.lr=1e-4"),
]
Minutes = Annotated[float, typer.Option(help="until everything is done")]
