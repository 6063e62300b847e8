"""From recordings to a codec that speaks, in so many minutes.

    python -m train.speedrun RECORDINGS_OR_MANIFEST -o DIR --minutes 60 [--gpus N] [key=value ...]

Manifest, alignment where there are texts, packed audio, the phases of a recipe
(``configs/speedrun``), a packed model and a report. Every phase tries a few steps and plans the
rest by the clock, so that its learning rate ends when its time ends. Interrupted, the same command
continues; finished phases stay. ``DIR/codec`` is the model, ``DIR/report.html`` the report.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secousti.errors import require
from train.engine.command import one_sentence

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    recordings: Annotated[str, typer.Argument(help="a folder, a corpus's folder, or a manifest")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="what it leaves")],
    changes: Annotated[
        list[str] | None,
        typer.Argument(help="changes of training files, as heard:training.optim.lr=1e-3"),
    ] = None,
    minutes: Annotated[float, typer.Option(help="until everything is done")] = 60.0,
    gpus: Annotated[int, typer.Option(min=0, help="processes of each phase; 0 or 1: one")] = 0,
    recipe: Annotated[
        str | None,
        typer.Option(help="mini, gpu or a YAML file; without it by the hardware"),
    ] = None,
) -> None:
    """Train a codec on RECORDINGS within so many minutes."""
    with one_sentence():
        require("accelerate", "train")
        from train.speedrun.go import Wish, go

        print(go(Wish(recordings, output, minutes, gpus, recipe, tuple(changes or ()))))


if __name__ == "__main__":
    app()
