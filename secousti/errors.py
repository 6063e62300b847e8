"""Errors meant for people, and optional packages that explain themselves."""

from __future__ import annotations

import importlib
from types import ModuleType


class SecoustiError(ValueError):
    """A problem the user can act on: the message says what was wrong, where, and what to do."""


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
