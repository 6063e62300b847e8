"""Errors meant for people, and optional packages that explain themselves."""

from __future__ import annotations

import importlib
import json
import os
import shlex
import sys
import warnings
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname


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
    if wants_memory(error):
        return "there is not enough memory for this"
    return str(error) or type(error).__name__


def wants_memory(error: BaseException) -> bool:
    """Whether an error says, as Python or as PyTorch does, that memory ran out."""
    if not isinstance(error, RuntimeError):
        return isinstance(error, MemoryError)
    return "allocate memory" in str(error) or "out of memory" in str(error)


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
        SecoustiError: the package is missing, or is there and does not import.
    """
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except Exception as error:  # a broken binary wheel raises more than ImportError
        if isinstance(error, ModuleNotFoundError):
            raise SecoustiError(
                f"this needs the package {error.name or package!r}, which is not installed; "
                f"install it with: {install_command(extra)}"
            ) from error
        raise SecoustiError(
            f"the package {package!r} is installed but cannot be imported ({error}); installing it "
            f"again may help: {install_command(extra)}"
        ) from error


def install_command(extra: str) -> str:
    """What installs an extra of this package, as the package itself was installed."""
    source, editable = _installed_from()
    if source is None:
        return f"pip install 'secousti[{extra}]'"
    if "://" in source:
        return f"pip install {shlex.quote(f'secousti[{extra}] @ {source}')}"
    return f"pip install {'-e ' if editable else ''}{shlex.quote(f'{source}[{extra}]')}"


def _installed_from() -> tuple[str | None, bool]:
    """The folder or address that pip installed the package from, and whether as a link to it;
    ``None`` for an index (direct_url.json of PEP 610 is missing then)."""
    try:
        told = json.loads(distribution("secousti").read_text("direct_url.json") or "{}")
        address, editable = told.get("url"), bool(told.get("dir_info", {}).get("editable"))
    except (PackageNotFoundError, ValueError, AttributeError):
        checkout = Path(__file__).parent.parent  # imported from a folder, not installed
        return (str(checkout), True) if (checkout / "pyproject.toml").is_file() else (None, False)
    if not isinstance(address, str):
        return None, False
    if address.startswith("file://"):
        return url2pathname(urlsplit(address).path), editable
    kind = told.get("vcs_info", {}).get("vcs")
    return (f"{kind}+{address}" if kind else address), editable
