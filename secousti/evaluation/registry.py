"""Codecs and metrics by name: their classes, and which options they have."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from secousti.errors import SecoustiError


def load_class(package: str, target: str) -> Any:
    """The class of ``module:name`` below ``package``."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(f"{package}.{module}"), attribute)


def check_options(what: str, kind: Any, options: Mapping[str, Any], own: set[str]) -> None:
    """Refuse what is no option of the dataclass ``kind``; ``own`` are fields that are none.

    Raises:
        SecoustiError: an unknown option; the known ones are named.
    """
    known = {field.name for field in fields(kind)} - own
    if unknown := set(options) - known:
        raise SecoustiError(
            f"{what} has no option '{unknown.pop()}'; "
            f"its options: {', '.join(sorted(known)) or 'none'}"
        )
