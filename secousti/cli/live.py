"""``secousti live``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from secousti.cli.options import DEFAULT_MODEL, Device, Force, Mode, Model, SampleRate

if TYPE_CHECKING:
    from secousti.live import Summary


def live(
    source: Annotated[
        str, typer.Argument(metavar="IN", help="A recording, - for a WAV on stdin, or mic.")
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="OUT", help="A file, - for stdout, or speaker.")
    ],
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
    voice: Annotated[
        str | None,
        typer.Option("--voice", metavar="WAV", help="Speak in the voice of this recording."),
    ] = None,
    precision: Annotated[
        Literal["float32", "float16", "int8"],
        typer.Option("--precision", help="Of the weights on a CPU: less is faster."),
    ] = "float32",
    loss: Annotated[
        float, typer.Option("--loss", min=0, max=1, help="Share of tokens the channel loses.")
    ] = 0.0,
    burst: Annotated[
        float | None,
        typer.Option("--burst", min=1, help="Mean length of a run of lost tokens, for bursts."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the losses.")] = 0,
    conceal: Annotated[
        Literal["repeat", "fade", "mask", "interpolate"],
        typer.Option("--conceal", help="What is heard for lost tokens."),
    ] = "interpolate",
    mode: Mode = "all",
    pace: Annotated[
        bool, typer.Option("--pace", help="Play a recording in no faster than it was spoken.")
    ] = False,
    sample_rate: SampleRate = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="Processor cores to use.")] = 1,
    force: Force = False,
) -> None:
    """Speech through the codec while it is spoken, token by token.

    From your microphone to your loudspeaker, through 273 bit/s:

      secousti live mic -o speaker

    Without any sound device, with every tenth token lost:

      secousti live speech.wav -o heard.wav --loss 0.1

    The full-size models on one core:

      secousti live mic -o speaker -m FOLDER --precision int8

    In somebody else's voice:

      secousti live mic -o speaker --voice friend.wav
    """
    from secousti.live.session import live as run_live
    from secousti.sessions.channel import Channel

    with _running_line() as show:
        summary = run_live(
            source,
            output,
            model=model,
            device=device,
            voice=voice,
            precision=precision,
            channel=Channel(loss, burst, seed, conceal),
            mode=mode,
            pace=pace,
            sample_rate=sample_rate,
            threads=threads,
            force=force,
            watch=show,
        )
    typer.echo(_line(summary), err=True)


def _running_line():  # type: ignore[no-untyped-def]
    """A line on stderr that keeps saying how it goes, if someone is watching."""
    from contextlib import contextmanager

    from rich.console import Console
    from rich.status import Status

    console = Console(stderr=True)

    @contextmanager
    def line():  # type: ignore[no-untyped-def]
        if not console.is_terminal:
            yield None
            return
        with Status("listening", console=console) as status:
            yield lambda summary: status.update(_line(summary))

    return line()


def _line(summary: Summary) -> str:
    lost = f", {summary.lost} lost" if summary.lost else ""
    return (
        f"{summary.seconds:.1f} s | {summary.tokens} tokens{lost}, {summary.bitrate:.0f} bit/s "
        f"+ {summary.voice_bits} bits of voice | latency "
        f"{1e3 * summary.algorithmic_latency:.1f} ms + {1e3 * summary.step(0.5):.1f} ms computing "
        f"(p95 {1e3 * summary.step(0.95):.1f}) | real-time factor {summary.real_time_factor:.3f}"
    )
