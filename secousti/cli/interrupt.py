"""Ctrl-C on a pipeline stops the microphone too: what it still said is kept."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer


@contextmanager
def until_input_ends(inputs: Sequence[str]) -> Iterator[None]:
    """While reading a pipe the first Ctrl-C waits for its end; the second stops at once.

    A terminal interrupts every program of a pipeline. Whoever feeds this one ends then, so its
    input ends, and the file is finished instead of thrown away.
    """
    if list(inputs) != ["-"]:
        yield
        return
    before = signal.getsignal(signal.SIGINT)

    def wait(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, before)
        typer.echo("secousti: waiting for the input to end (Ctrl-C stops at once)", err=True)

    signal.signal(signal.SIGINT, wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
