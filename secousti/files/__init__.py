"""Files, folders and pipes: what each command of the command line does, as a Python function.

``from secousti import files; files.encode(["recordings"], "tokens")`` does what
``secousti encode recordings -o tokens`` does, and returns a ``Result`` for every file.
"""

from secousti.container.info import Info, info
from secousti.files.convert import convert
from secousti.files.decode import decode
from secousti.files.encode import encode
from secousti.files.jobs import Job, Result
from secousti.files.packets import decode_packets, encode_packets, is_packets
from secousti.files.roundtrip import roundtrip

__all__ = [
    "Info",
    "Job",
    "Result",
    "convert",
    "decode",
    "decode_packets",
    "encode",
    "encode_packets",
    "info",
    "is_packets",
    "roundtrip",
]
