"""Learned codes that a codec brings along: of its tokens (an integer GRU and a range coder) and of
its voices. All arithmetic that decides about bits is on integers, so that every machine, thread
count and instruction set writes and reads the same.
"""

from secousti.entropy.coder import LearnedCoder
from secousti.entropy.file import CODER_NAME, load_coder, save_coder, voice_hash

__all__ = ["CODER_NAME", "LearnedCoder", "load_coder", "save_coder", "voice_hash"]
