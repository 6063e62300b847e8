"""The ``.sct`` file: tokens, the paralinguistic vector and their bits, exactly accounted for.

Byte by byte it is specified in docs/sct-format.md. Nothing here needs torch except
``container.encoded``, the bridge between files and :class:`secousti.Encoded`.
"""

from secousti.container.accounting import Accounting
from secousti.container.coders import Coder, Coders
from secousti.container.errors import (
    ContainerError,
    CorruptedError,
    TruncatedError,
    UnsupportedError,
)
from secousti.container.events import End, Event, Tokens, Voice
from secousti.container.header import MAGIC, Header
from secousti.container.reader import Reader
from secousti.container.seek import read_range
from secousti.container.writer import Writer

__all__ = [
    "MAGIC",
    "Accounting",
    "Coder",
    "Coders",
    "ContainerError",
    "CorruptedError",
    "End",
    "Event",
    "Header",
    "Reader",
    "Tokens",
    "TruncatedError",
    "UnsupportedError",
    "Voice",
    "Writer",
    "read_range",
]
