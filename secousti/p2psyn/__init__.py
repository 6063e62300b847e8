"""P2PSynCodec: one token stream is sent, the other stages of the quantizer are predicted."""

from secousti.p2psyn.codec import P2PSynCodec
from secousti.p2psyn.config import P2PSynConfig, causal_config
from secousti.p2psyn.pseudo_quantizer import PseudoQuantizer
from secousti.p2psyn.streaming import P2PSynStreamDecoder, P2PSynStreamEncoder

__all__ = [
    "P2PSynCodec",
    "P2PSynConfig",
    "P2PSynStreamDecoder",
    "P2PSynStreamEncoder",
    "PseudoQuantizer",
    "causal_config",
]
