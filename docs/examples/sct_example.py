"""The two small files that docs/sct-format.md takes apart.

python sct_example.py whole.sct stream.sct
"""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np

from secousti.atomic import replacing
from secousti.container import Header, Writer

HEADER = Header(
    token_hash="0123456789abcdef",
    voice_hash="fedcba9876543210",
    sample_rate=22050,
    frame_size=1024,
    codebook_size=6561,
    levels=(3,) * 8,
    payload="adaptive",
    paralinguistic=4,
    source_sample_rate=16000,
)


def main(path: str, live: bool) -> None:
    """Seven tokens; of a stream, a voice of four numbers before them and forty tokens that repeat
    themselves after them.
    """
    header = HEADER if live else replace(HEADER, paralinguistic=0, voice_hash="")
    with replacing(path) as partial, open(partial, "wb") as file:
        writer = Writer(file, header, run_frames=40)
        if live:
            writer.write_voice(np.array([0, 127, -127, 64], np.int8))
        writer.write(np.array([0, 1, 2, 3, 6560, 3280, 81]))
        if not live:
            writer.finish(num_samples=7000, source_num_samples=5079)
            return
        writer.flush()
        writer.write(np.array([3280, 3281] * 20))
        writer.finish(num_samples=48000, source_num_samples=34830)


if __name__ == "__main__":
    paths = sys.argv[1:] or ["whole.sct", "stream.sct"]
    for number, path in enumerate(paths):
        main(path, live=number > 0)
