"""``secousti import-release``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secousti.cli.options import OutputFolder


def import_release(
    model: Annotated[Path, typer.Argument(metavar="MODEL.pt", help="The released checkpoint.")],
    output: OutputFolder,
    vocoder: Annotated[
        Path | None,
        typer.Option("--vocoder", metavar="HIFT.pt", help="The released HiFT vocoder, to speak."),
    ] = None,
    release_window: Annotated[
        bool,
        typer.Option(
            "--release-window",
            help="Keep the release's paralinguistic window, which drops most of a short clip.",
        ),
    ] = False,
) -> None:
    """Turn released SecoustiCodec weights into a model folder for --model.

    Checkpoints are read without pickles; every missing or unexpected tensor is an error.

      secousti import-release model.pt --vocoder hift.pt -o secousti-21hz

      secousti roundtrip speech.wav -o heard.wav --model ./secousti-21hz
    """
    from secousti import release

    codec = release.import_release(
        model, vocoder, output, window_rule="release" if release_window else "central"
    )
    typer.echo(f"{output}: {codec.model_id}, weights {codec.weight_hash}")
