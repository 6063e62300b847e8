"""``secousti encode``."""

from __future__ import annotations

from typing import Annotated

import typer

from secousti.cli.interrupt import until_input_ends
from secousti.cli.options import (
    DEFAULT_MODEL,
    Device,
    Entropy,
    Force,
    Inputs,
    Latency,
    Model,
    NewOutput,
    Processes,
    Raw,
)
from secousti.cli.report import progress, summarize


def encode(
    inputs: Inputs,
    output: NewOutput = None,
    model: Model = DEFAULT_MODEL,
    device: Device = "auto",
    force: Force = False,
    entropy: Entropy = None,
    latency: Latency = 0.5,
    raw: Raw = None,
    packet_bytes: Annotated[
        int | None,
        typer.Option(
            "--packet-bytes",
            min=4,
            max=65536,
            metavar="BYTES",
            help="Write OUT as a folder of packets that each decode alone, instead of a file.",
        ),
    ] = None,
    refresh: Annotated[
        float | None,
        typer.Option(
            "--refresh",
            min=0.1,
            metavar="SECONDS",
            help="Send the voice again so often, when IN is a pipe (default: while it settles).",
        ),
    ] = None,
    processes: Processes = 1,
) -> None:
    """Recordings to .sct files: tokens and one small vector of the voice.

    One file, many files into a folder, or a whole tree:

      secousti encode speech.wav

      secousti encode a.wav b.flac -o tokens

      secousti encode recordings -o tokens --entropy adaptive -j 4

    The codes alone, for other programs (.npy or .pt, int64 [K, L]):

      secousti encode speech.wav -o speech.npy

    Packets for a link of 237 bytes (LoRa), without a container:

      secousti encode speech.wav -o packets --packet-bytes 237

    Live, from a WAV that is still being made:

      arecord -f cd | secousti encode - -o - --latency 0.1 | nc host 9000

    Samples without a header:

      arecord -t raw -f S16_LE -r 16000 | secousti encode - -o a.sct --raw s16le:16000

    A folder that was interrupted is continued by the same command.
    """
    from secousti import files

    with until_input_ends(inputs):
        results = files.encode(
            inputs,
            output,
            model=model,
            device=device,
            force=force,
            entropy=entropy,
            packet_bytes=packet_bytes,
            latency=latency,
            refresh=refresh,
            raw=raw,
            processes=processes,
            track=progress,
        )
    summarize(results, "encoded")
