"""Tune a codec to a new speaker or language within some minutes; its tokens stay the same.

    python -m train.finetune RECORDINGS -m mini-21hz -o DIR [--minutes 10] [key=value ...]

RECORDINGS is a folder or a manifest; long recordings are cut. What makes speech of tokens (the
connector, the acoustic decoder), the voice and the vocoder train; what makes tokens does not, so
``DIR/codec`` decodes what the old codec encoded. ``DIR/report.md`` compares the two on recordings
that were held out. Interrupted, the same command continues.
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
    model: Annotated[str, typer.Option("-m", "--model", help="the codec to tune")] = "mini-21hz",
    minutes: Minutes = 10.0,
    keep_voice: Annotated[
        bool,
        typer.Option("--keep-voice", help="voices of old files stay readable; less is tuned"),
    ] = False,
) -> None:
    """Tune a codec to the speakers of RECORDINGS; its tokens stay the same."""
    with one_sentence():
        require("accelerate", "train")
        from train.finetune.tune import Wish, tune

        wish = Wish(recordings, model, output, minutes, tuple(changes or ()), keep_voice)
        print(tune(wish))


if __name__ == "__main__":
    app()
