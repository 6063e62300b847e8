"""``secousti decode``."""

from __future__ import annotations

from typing import Annotated

import typer

from secousti.cli.interrupt import until_input_ends
from secousti.cli.options import (
    Device,
    FileModel,
    Force,
    Inputs,
    MaxSeconds,
    Mode,
    NewOutput,
    Processes,
    Raw,
    SampleRate,
)
from secousti.cli.report import progress, summarize
from secousti.container.limits import MAX_SECONDS


def decode(
    inputs: Inputs,
    output: NewOutput = None,
    model: FileModel = None,
    device: Device = "auto",
    force: Force = False,
    sample_rate: SampleRate = None,
    start: Annotated[
        float, typer.Option("--start", min=0, metavar="SECONDS", help="Begin here.")
    ] = 0.0,
    end: Annotated[
        float | None, typer.Option("--end", min=0, metavar="SECONDS", help="Stop here.")
    ] = None,
    partial: Annotated[
        bool, typer.Option("--partial", help="Of a file that is cut short, keep what is whole.")
    ] = False,
    mode: Mode = "all",
    max_seconds: MaxSeconds = MAX_SECONDS,
    raw: Raw = None,
    voice: Annotated[
        str | None,
        typer.Option("--voice", "-v", metavar="REF", help="Who is to speak: audio or .sct."),
    ] = None,
    ids: Annotated[
        list[str] | None,
        typer.Option("--id", metavar="ID", help="A recording of an extraction; may be repeated."),
    ] = None,
    processes: Processes = 1,
) -> None:
    """.sct files to recordings.

    The format follows the suffix of OUT (.wav, .flac, .ogg, .opus, .mp3); folders get .wav, and
    pipes and devices WAV, or what --raw says:

      secousti decode speech.sct

      secousti decode speech.sct -o speech.flac --sample-rate 48000

      secousti decode tokens -o recordings

    Ten seconds of an hour, without reading the rest of it:

      secousti decode hour.sct -o piece.wav --start 1800 --end 1810

    Packets, in the order of their names, of a codec that the link agreed on:

      secousti decode packets -o speech.wav --model mini-21hz

    Recordings of what extract wrote, or an array of tokens alone:

      secousti decode tokens --id utterance-1 --id utterance-2 -o heard

      secousti decode made.npy -o made.wav --model mini-21hz --voice friend.wav

    Live, as the tokens arrive:

      nc -l 9000 | secousti decode - -o - | aplay
    """
    from secousti import files

    with until_input_ends(inputs):
        results = files.decode(
            inputs,
            output,
            model=model,
            device=device,
            force=force,
            sample_rate=sample_rate,
            start=start,
            end=end,
            partial=partial,
            mode=mode,
            max_seconds=max_seconds,
            raw=raw,
            voice=voice,
            ids=ids,
            processes=processes,
            track=progress,
        )
    summarize(results, "decoded")
