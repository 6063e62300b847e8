"""Standard input, output and error as a program finds them: open, closed, or full."""

from __future__ import annotations

import os
import sys
from typing import Any, NoReturn

from secousti.errors import SecoustiError

_NAMES = {"stdin": "standard input", "stdout": "standard output"}


class ClosedStream:
    """What a program was started without (``<&-``, ``>&-``): using it is an error in words."""

    encoding, errors, closed = "utf-8", "backslashreplace", False

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def buffer(self) -> Any:
        """None.

        Raises:
            SecoustiError: always.
        """
        self._refuse()

    def isatty(self) -> bool:
        """Nobody is there."""
        return False

    def flush(self) -> None:
        """Nothing waits."""

    def write(self, text: str) -> int:
        """Nowhere.

        Raises:
            SecoustiError: always.
        """
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise SecoustiError(f"{self._name} is closed: name a file instead of -, or open it")


def complete_streams() -> None:
    """Give every missing standard stream a place, before the first file is opened.

    The system gives a new file the lowest free number. Where a standard stream is missing that
    would be its number, and what a library prints to "standard error" would end in the recording.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:  # the wrong way round, so that use of 0 or 1 fails instead of doing nothing
            os.dup2(opened := os.open(os.devnull, mode), number)
            if opened != number:
                os.close(opened)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115
    for stream, called in _NAMES.items():
        if getattr(sys, stream) is None:
            setattr(sys, stream, ClosedStream(called))


def finish_output() -> None:
    """Pass on what is still held back of the output: a full disk must show in the exit code.

    Raises:
        BrokenPipeError: who read it has left.
        SecoustiError: it cannot be written.
    """
    if sys.stdout is None or getattr(sys.stdout, "closed", False):
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise SecoustiError(f"standard output cannot be written: {error.strerror}") from error
