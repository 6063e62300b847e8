"""The kinds of codec that a config.json may name, and their classes."""

from __future__ import annotations

import importlib
from typing import Any

_CLASSES = {
    "secousti": ("secousti.codec", "SecoustiCodec"),
    "p2psyn": ("secousti.p2psyn.codec", "P2PSynCodec"),
}


def class_name(kind: Any) -> str | None:
    """What users call this kind of codec; ``None`` for one that this version does not know."""
    return _CLASSES[kind][1] if kind in _CLASSES else None


def codec_class(kind: Any) -> Any:
    """The class of a kind, imported when first asked for; ``None`` as above."""
    if kind not in _CLASSES:
        return None
    module, name = _CLASSES[kind]
    return getattr(importlib.import_module(module), name)
