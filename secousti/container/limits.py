"""What a reader believes of a file: larger claims are refused before memory or time is spent.

docs/sct-format.md names them.
"""

from __future__ import annotations

MIN_RATE, MAX_RATE = 1000, 768_000  # Hz, of a codec or of a recording
MAX_FRAME_SIZE = 1 << 20  # samples
MAX_CODEBOOKS = 256
MAX_VOICE = 4096  # numbers in a paralinguistic record
MAX_ADAPTIVE_LEVEL = 4096  # a digit's alphabet: an adaptive model works through it for every token
MAX_NESTING = 32  # of JSON that a user adds
MAX_TEXT = 256  # characters of a model's name or hash
MAX_LEVELS = 64  # digits of a token
MAX_SECONDS = 24 * 3600.0  # of speech in a file, unless the reader is told otherwise
