"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from secousti.hub.resolve import DEFAULT_MODEL

__all__ = [
    "DEFAULT_MODEL",
    "Device",
    "Entropy",
    "FileModel",
    "Force",
    "Inputs",
    "Latency",
    "MaxSeconds",
    "Mode",
    "Model",
    "NewOutput",
    "Output",
    "OutputFolder",
    "Processes",
    "Raw",
    "SampleRate",
    "TableFormat",
]

Inputs = Annotated[
    list[str],
    typer.Argument(metavar="IN", help="Files, folders (searched), or - for standard input."),
]
Output = Annotated[
    str,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A file, a folder (the tree of IN is mirrored), or - for standard output.",
    ),
]
NewOutput = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A file, a folder (the tree of IN is mirrored), or - for standard output; a file "
        "beside IN if not given.",
    ),
]
ServedModels = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A bundled model, a folder, or org/name on the Hub; repeat it for several, the "
        "first is the default (default: every bundled one).",
    ),
]
OutputFolder = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="NAME", help="A bundled model, a folder, or org/name on the Hub."
    ),
]
FileModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="NAME",
        help="A bundled model, a folder, or org/name on the Hub (default: what the file names).",
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        "--mode",
        metavar="MODE",
        help="How a P2PSynCodec decodes: all, or plain without its pseudo VQs.",
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="DEVICE",
        help="Where to compute: cpu, cuda, mps; auto is a GPU if there is one.",
    ),
]
Processes = Annotated[
    int,
    typer.Option("--processes", "-j", min=1, help="Work on so many files of a folder at once."),
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite files that exist.")]
Entropy = Annotated[
    Literal["learned", "adaptive", "packed"] | None,
    typer.Option(
        "--entropy",
        help="How tokens are stored: learned is smallest, packed fastest (default: learned if "
        "the model has a coder, else packed).",
    ),
]
Raw = Annotated[
    str | None,
    typer.Option(
        "--raw",
        metavar="FORMAT:RATE",
        help="Samples without a header, such as s16le:16000 (s16le:48000:2 for two channels).",
    ),
]
SampleRate = Annotated[
    int | None,
    typer.Option(
        "--sample-rate",
        min=1000,
        max=768000,
        metavar="HZ",
        help="Of the audio written (default: the model's own).",
    ),
]
Latency = Annotated[
    float,
    typer.Option(
        "--latency",
        min=0.01,
        max=60,
        metavar="SECONDS",
        help="Sound gathered before it is passed on, when IN is a pipe. Less costs more bits.",
    ),
]
MaxSeconds = Annotated[
    float,
    typer.Option(
        "--max-seconds",
        min=1,
        metavar="SECONDS",
        help="Refuse .sct files that hold more speech: a few bytes can claim an hour.",
    ),
]
TableFormat = Annotated[
    Literal["table", "md", "csv"],
    typer.Option("--format", help="Of what is printed: for reading, Markdown, or CSV."),
]
