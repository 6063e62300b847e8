"""From recordings to a codec that speaks, in so many minutes.

    python -m train.speedrun RECORDINGS_OR_MANIFEST -o DIR --minutes 60 [--gpus N] [key=value ...]

Manifest, alignment where there are texts, packed audio, the phases of a recipe
(``configs/speedrun``), a packed model and a report. Every phase tries a few steps and plans the
rest by the clock, so that its learning rate ends when its time ends. Interrupted, the same command
continues; finished phases stay. ``DIR/codec`` is the model, ``DIR/report.html`` the report.
"""

from __future__ import annotations

from typing import Annotated

import typer

from secousti.errors import require
from train.budget.options import Changes, Minutes, Output, Recordings
from train.engine.command import make_app, one_sentence

app = make_app()


@app.command()
def main(
    recordings: Recordings,
    output: Output,
    changes: Changes = None,
    minutes: Minutes = 60.0,
    gpus: Annotated[
        int | None,
        typer.Option(min=1, help="processes of each phase; without it one, on CPUs one a core"),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(help="short, mini, gpu or a YAML file; without it by hardware and minutes"),
    ] = None,
) -> None:
    """Train a codec on RECORDINGS within so many minutes."""
    with one_sentence():
        require("accelerate", "train")
        from train.speedrun.go import Wish, go

        print(go(Wish(recordings, output, minutes, gpus, recipe, tuple(changes or ()))))


if __name__ == "__main__":
    app()
