"""``secousti convert``."""

from __future__ import annotations

from typing import Annotated

import typer

from secousti.cli.interrupt import until_input_ends
from secousti.cli.options import (
    Device,
    FileModel,
    Force,
    Inputs,
    Latency,
    Output,
    Processes,
    SampleRate,
)
from secousti.cli.report import progress, summarize


def convert(
    inputs: Inputs,
    output: Output,
    voice: Annotated[
        str,
        typer.Option("--voice", "-v", metavar="REF", help="Who is to speak: audio or .sct."),
    ],
    model: FileModel = None,
    device: Device = "auto",
    force: Force = False,
    sample_rate: SampleRate = None,
    latency: Latency = 0.5,
    processes: Processes = 1,
) -> None:
    """Voice conversion: what IN says (audio or .sct), in the voice of REF.

      secousti convert hello.wav --voice anna.wav -o hello-anna.wav

    Tokens stay tokens when OUT ends in .sct; only the small vector of the voice changes:

      secousti convert hello.sct --voice anna.sct -o hello-anna.sct
    """
    from secousti import files

    with until_input_ends(inputs):
        results = files.convert(
            inputs,
            output,
            voice=voice,
            model=model,
            device=device,
            force=force,
            sample_rate=sample_rate,
            latency=latency,
            processes=processes,
            track=progress,
        )
    summarize(results, "converted")
