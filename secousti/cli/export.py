"""``secousti export``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from secousti.cli.options import DEFAULT_MODEL, Force, Mode, Model


def export(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write.")
    ],
    model: Model = DEFAULT_MODEL,
    format: Annotated[
        Literal["onnx", "torch"], typer.Option(help="ONNX, or torch.export programs.")
    ] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="8-bit weights.")] = False,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Any number of streams at once, not one.")
    ] = False,
    vocoder: Annotated[
        bool, typer.Option(help="With the vocoder, or log-mel as the decoder's output.")
    ] = True,
    mode: Mode = "all",
    force: Force = False,
) -> None:
    """Streaming graphs of a codec for other runtimes, with their state as tensors.

      secousti export -o exported

      secousti export -o small --int8

      secousti export -o other -m p2psyn-mini-16k --mode plain

      python examples/onnx_stream.py exported speech.wav heard.wav

    The graphs are checked against PyTorch, step by step, before they are written.
    """
    from rich.console import Console
    from rich.table import Table

    from secousti.export import export as run
    from secousti.hub.resolve import load_codec

    done = run(
        load_codec(model),
        output,
        format=format,
        int8=int8,
        dynamic_batch=dynamic_batch,
        vocoder=vocoder,
        mode=mode,
        force=force,
    )
    table = Table(title=f"Exported to {done.folder}", show_header=False)
    for path in done.files:
        table.add_row(path.name, f"{path.stat().st_size / 1e6:.2f} MB")
    agreement = done.agreement
    table.add_row("ids equal to PyTorch's", f"{agreement.equal} of {agreement.tokens}")
    for what in ("mel", "audio", "voice"):
        gap = getattr(agreement, what)
        if gap is not None:
            table.add_row(f"{what} differs by at most", f"{gap:.1e}")
    Console().print(table)
