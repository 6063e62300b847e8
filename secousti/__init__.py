"""Streaming semantic speech codecs: tokens that hold what is said, a vector for who says it."""

from secousti.codec import SecoustiCodec
from secousti.config import CodecConfig
from secousti.encoded import Encoded
from secousti.errors import SecoustiError
from secousti.hub.load import load_codec
from secousti.streaming.decoder import StreamDecoder
from secousti.streaming.encoder import StreamEncoder
from secousti.version import __version__

__all__ = [
    "CodecConfig",
    "Encoded",
    "SecoustiCodec",
    "SecoustiError",
    "StreamDecoder",
    "StreamEncoder",
    "__version__",
    "load_codec",
]
