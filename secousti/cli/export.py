"""``secousti export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from secousti.cli.options import DEFAULT_MODEL, Force, Mode, Model
from secousti.errors import SecoustiError

if TYPE_CHECKING:
    from secousti.base import Codec


def export(
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="DIR", help="The folder to write; of --format c the file."
        ),
    ],
    model: Model = DEFAULT_MODEL,
    format: Annotated[
        Literal["onnx", "torch", "web", "c"],
        typer.Option(
            help="ONNX, torch.export programs, a site that runs in a browser, or one file of "
            "weights for C programs."
        ),
    ] = "onnx",
    int8: Annotated[bool, typer.Option("--int8", help="8-bit weights.")] = False,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Any number of streams at once, not one.")
    ] = False,
    vocoder: Annotated[
        bool, typer.Option(help="With the vocoder, or log-mel as the decoder's output.")
    ] = True,
    mode: Mode = "all",
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="TGZ",
            help="For --format web: the npm package onnxruntime-web, or its folder.",
            show_default="fetched by npm",
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Streaming graphs of a codec for other runtimes, with their state as tensors.

      secousti export -o exported

      secousti export -o small --int8

      secousti export -o other -m p2psyn-mini-16k --mode plain

      secousti export --format web -o site && python -m http.server -d site

      secousti export --format c -m mini-21hz -o mini-21hz.sctm

      python examples/onnx_stream.py exported speech.wav heard.wav

    The graphs are checked against PyTorch, step by step, before they are written.
    """
    from rich.table import Table

    from secousti.console import console
    from secousti.hub.resolve import load_codec

    if runtime is not None and format != "web":
        raise SecoustiError(f"--runtime is of --format web, not of {format}: leave it out")
    codec = load_codec(model)
    if format in ("web", "c") and (dynamic_batch or not vocoder or mode != "all"):
        raise SecoustiError(
            f"--format {format} exports one stream in the codec's own live mode: leave out "
            "--dynamic-batch, --no-vocoder and --mode"
        )
    if format == "c":
        _export_c(codec, output, int8, force)
        return
    if format == "web":
        from secousti.export.web import export_web

        done = export_web(codec, output, runtime=runtime, int8=int8, force=force)
    else:
        from secousti.export import export as run

        done = run(
            codec,
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
    console().print(table)


def _export_c(codec: Codec, output: Path, int8: bool, force: bool) -> None:
    from secousti.console import console
    from secousti.export.native import export_native

    if int8:
        raise SecoustiError("--format c writes float32 weights: leave out --int8")
    path = export_native(codec, output, force=force)
    console().print(f"{path}: {path.stat().st_size / 1e6:.2f} MB", highlight=False)
