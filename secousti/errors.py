"""Errors meant for people, and optional packages that explain themselves."""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from types import ModuleType
from typing import Any


class SecoustiError(ValueError):
    """A problem the user can act on: the message says what was wrong, where, and what to do."""


class Note(UserWarning):
    """What a user should know although it is no error; the command line prints it to stderr."""


def printable(text: str) -> str:
    """``text`` without what a terminal would obey: control characters and lone surrogates are
    spelled (``\\x1b``); lines stay lines."""
    return "".join(
        each if each.isprintable() or each == "\n" else each.encode("unicode_escape").decode()
        for each in text
    )


def said(error: BaseException) -> str:
    """An error in a sentence: the system's own name the file first, and then what is wrong."""
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    if isinstance(error, MemoryError):
        return "there is not enough memory for this"
    return str(error) or type(error).__name__


def note(message: str) -> None:
    """Say ``message`` once, as a ``Note`` that Python's ``warnings`` can filter."""
    warnings.warn(message, Note, stacklevel=3)


def print_notes(program: str) -> None:
    """From now on show notes as ``program: note: ...`` on stderr, without file and line."""
    before = warnings.showwarning

    def show(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, Note):
            print(printable(f"{program}: note: {message}"), file=sys.stderr)
        else:
            before(message, category, *rest, **named)

    warnings.showwarning = show


def require(module: str, extra: str) -> ModuleType:
    """Import an optional ``module``, or name the extra that brings it.

    Raises:
        SecoustiError: the package is missing or does not import.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # a broken binary wheel raises more than ImportError
        raise SecoustiError(
            f"this needs the package '{module.partition('.')[0]}', which could not be imported "
            f"({error}); install it with: pip install 'secousti[{extra}]'"
        ) from error
