"""Streaming semantic speech codecs: one stream of tokens and a small vector for the voice."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from secousti.errors import SecoustiError
from secousti.version import __version__

if TYPE_CHECKING:
    from secousti.base import Codec
    from secousti.codec import SecoustiCodec
    from secousti.config import CodecConfig
    from secousti.encoded import Encoded
    from secousti.hub.resolve import load_codec
    from secousti.p2psyn.codec import P2PSynCodec
    from secousti.sessions.decoder import StreamDecoder
    from secousti.sessions.encoder import StreamEncoder

__all__ = [
    "Codec",
    "CodecConfig",
    "Encoded",
    "P2PSynCodec",
    "SecoustiCodec",
    "SecoustiError",
    "StreamDecoder",
    "StreamEncoder",
    "__version__",
    "load_codec",
]

# Imported when first asked for, so that what needs no torch (`secousti --help`) starts at once.
_HOMES = {
    "Codec": "secousti.base",
    "CodecConfig": "secousti.config",
    "Encoded": "secousti.encoded",
    "P2PSynCodec": "secousti.p2psyn.codec",
    "SecoustiCodec": "secousti.codec",
    "StreamDecoder": "secousti.sessions.decoder",
    "StreamEncoder": "secousti.sessions.encoder",
    "load_codec": "secousti.hub.resolve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'secousti' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
