"""``secousti extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from secousti.cli.options import DEFAULT_MODEL, Device, Model
from secousti.errors import SecoustiError


def extract(
    source: Annotated[
        str,
        typer.Argument(
            metavar="INPUT",
            help="A folder or file of sound, .jsonl manifest, table, wav.scp, lhotse cuts or Shar, "
            "WebDataset or Parquet; path or URL.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder to write shards to.")
    ],
    model: Model = DEFAULT_MODEL,
    revision: Annotated[
        str | None, typer.Option(metavar="REV", help="Branch, tag or commit of a Hub model.")
    ] = None,
    format: Annotated[
        Literal["parquet", "webdataset", "shar"], typer.Option(help="How shards are stored.")
    ] = "parquet",
    input_format: Annotated[
        Literal[
            "auto",
            "folder",
            "manifest",
            "shar",
            "webdataset",
            "parquet",
            "cuts",
            "kaldi",
            "table",
            "file",
        ],
        typer.Option(help="What INPUT is, if its name does not say."),
    ] = "auto",
    device: Device = "auto",
    dtype: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="Of the network; bfloat16 changes ids.")
    ] = "float32",
    processes: Annotated[
        int | None,
        typer.Option("--processes", "-j", min=1, help="Workers.", show_default="one a core or GPU"),
    ] = None,
    loaders: Annotated[
        int | None,
        typer.Option(
            min=0, help="Decoding threads a worker.", show_default="0 on a CPU, 8 on a GPU"
        ),
    ] = None,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="This machine, or a Ray cluster.")
    ] = "local",
    shard_size: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Utterances a shard, for folders and manifests.",
            show_default="2000, less of a small corpus",
        ),
    ] = None,
    batch_seconds: Annotated[
        float | None,
        typer.Option(
            min=1,
            help="Seconds of audio a batch, padding included.",
            show_default="20 on a CPU, whose caches they fit; 60 on a GPU",
        ),
    ] = None,
    voice: Annotated[
        bool, typer.Option(help="Store the paralinguistic vector too; without it is faster.")
    ] = True,
    strict: Annotated[bool, typer.Option(help="Stop at the first bad recording.")] = False,
    fingerprint: Annotated[
        Literal["stat", "content"],
        typer.Option(
            help="What tells that a recording was replaced between runs: size and time of change, "
            "or every byte of it."
        ),
    ] = "stat",
    verify: Annotated[
        bool, typer.Option(help="Read every finished shard against its hash; redo what differs.")
    ] = False,
) -> None:
    """Tokens of a whole corpus, in shards; run it again to go on where it stopped.

    secousti extract corpus/ -o tokens

    secousti extract train.jsonl -o tokens --format webdataset -j 8

    secousti extract s3://bucket/shar -o tokens --device cuda

    secousti extract corpus/ -o tokens --verify

    torchrun --nproc-per-node 8 -m secousti extract train.jsonl -o tokens --device cuda
    """
    import time

    from secousti.console import console as wide
    from secousti.devices import chosen
    from secousti.extraction.progress import print_summary, progress_bar
    from secousti.extraction.run import extract as run
    from secousti.extraction.settings import Settings

    console = wide(stderr=True)
    device = chosen(device)
    gpu = device.startswith("cuda")
    started = time.monotonic()
    settings = Settings(
        model=model,
        revision=revision,
        device=device,
        dtype=dtype,
        format=format,
        shard_size=shard_size or 0,
        batch_seconds=(60.0 if gpu else 20.0) if batch_seconds is None else batch_seconds,
        voice=voice,
        loaders=(8 if gpu else 0) if loaders is None else loaders,
        strict=strict,
        fingerprint=fingerprint,
    )
    with progress_bar(console) as watch:
        summary = run(
            source,
            output,
            settings,
            engine=engine,
            processes=processes,
            kind=input_format,
            watch=watch,
            verify=verify,
        )
    print_summary(summary, time.monotonic() - started, console)
    if summary.complete and summary.totals["items"] == 0:
        raise SecoustiError(
            f"not one recording of {source} could be read: the reasons are in {output}/faults.jsonl"
        )
