"""P2PSynCodec: one token stream is sent, the other stages of the quantizer are predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.config import P2PSynConfig, causal_config
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer

if TYPE_CHECKING:
    from secousti import StreamDecoder as P2PSynStreamDecoder
    from secousti import StreamEncoder as P2PSynStreamEncoder

__all__ = [
    "P2PSynCodec",
    "P2PSynConfig",
    "P2PSynStreamDecoder",
    "P2PSynStreamEncoder",
    "PseudoQuantizer",
    "causal_config",
]

# Live sessions are the same for every codec; these are their names from before.
_SESSIONS = {"P2PSynStreamDecoder": "StreamDecoder", "P2PSynStreamEncoder": "StreamEncoder"}


def __getattr__(name: str) -> Any:
    if name not in _SESSIONS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import secousti

    return getattr(secousti, _SESSIONS[name])
