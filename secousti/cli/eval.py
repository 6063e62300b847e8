"""``secousti eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from secousti.cli.options import Device, TableFormat
from secousti.errors import SecoustiError


def eval(
    suite: Annotated[
        str,
        typer.Argument(
            metavar="SUITE",
            help="A YAML file, a name in configs/eval, or recordings (a folder or a manifest); "
            "or listening, before results of a listening test.",
        ),
    ],
    results: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[RESULTS.csv...]", help="What webMUSHRA wrote; after listening."),
    ] = None,
    codec: Annotated[
        list[str] | None,
        typer.Option(
            "--codec",
            "-c",
            metavar="NAME[:OPTION=VALUE,...]",
            help="A codec, a bundled model or a model's folder; may be repeated.",
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(
            "--metric",
            metavar="NAME[:OPTION=VALUE,...]",
            help="Add a metric, or set one's options; may be repeated.",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", help="Recordings to use instead of the suite's.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Utterances, spread over the speakers.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the choice of utterances.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The folder of the report.")
    ] = Path("eval-report"),
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Finished work; OUTPUT/cache if not given."),
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes.")] = 1,
    device: Device = "auto",
    margin: Annotated[
        float, typer.Option("--margin", help="MUSHRA points within which two codecs are alike.")
    ] = 5.0,
    format: TableFormat = "table",
) -> None:
    """Measure codecs side by side: quality, bits, speed, tokens, with intervals and sound.

    An interrupted run goes on where it stopped; codecs, metrics and utterances that were done
    before are looked up. Codecs and metrics that are not installed are told, not fatal.

      secousti eval my_recordings --codec mini-21hz --codec codec2-1200 --codec opus

      secousti eval table1 --data LibriTTS/test-clean --codec mini-21hz --codec encodec:kbps=1.5

      secousti eval listening mushra.csv paired_comparison.csv

      secousti eval my_recordings -c mini-21hz --format md > table.md

      secousti eval my_recordings -c mini-21hz --metric wer:recogniser=whisper,model=small.pt
    """
    if suite == "listening":
        from secousti.evaluation.listening_command import report_listening

        report_listening(results or [], output, margin)
        return
    if results:
        raise SecoustiError(
            f"{results[0]} comes after {suite!r}: results follow listening, recordings --data"
        )
    from secousti.devices import chosen
    from secousti.evaluation.command import Options, run_suite

    options = Options(
        suite=suite,
        codecs=codec or [],
        metrics=metric or [],
        data=data,
        limit=limit,
        seed=seed,
        output=output,
        cache=cache or output / "cache",
        jobs=jobs,
        device=chosen(device),
        format=format,
    )
    run_suite(options)
