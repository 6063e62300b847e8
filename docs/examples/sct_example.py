"""The small file that docs/sct-format.md takes apart: ``python sct_example.py example.sct``."""

from __future__ import annotations

import sys

import numpy as np

from secousti.atomic import replacing
from secousti.container import Header, Writer

HEADER = Header(
    model="example",
    weights="0123456789abcdef",
    sample_rate=22050,
    frame_size=1024,
    codebook_size=6561,
    levels=(3,) * 8,
    payload="entropy",
    paralinguistic=4,
    source_sample_rate=16000,
)


def main(path: str) -> None:
    """One voice of four numbers, a run of seven tokens, and one of forty that repeat themselves."""
    with replacing(path) as partial, open(partial, "wb") as file:
        writer = Writer(file, HEADER)
        writer.write_voice(np.array([0, 127, -127, 64], np.int8))
        writer.write(np.array([0, 1, 2, 3, 6560, 3280, 81]))
        writer.flush()
        writer.write(np.array([3280, 3281] * 20))
        writer.finish(num_samples=48000, source_num_samples=34830)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "example.sct")
