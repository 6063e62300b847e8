"""Makers of small ``.sct`` files."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from secousti.container import Coder, End, Header, Reader, Tokens, Voice, Writer

FRAME = 1024


def make_header(**changes: object) -> Header:
    fields = {
        "token_hash": "0123456789abcdef",
        "voice_hash": "fedcba9876543210",
        "sample_rate": 22050,
        "frame_size": FRAME,
        "codebook_size": 6561,
        "levels": (3,) * 8,
        "paralinguistic": 64,
    }
    header = Header(**{**fields, **changes})  # type: ignore[arg-type]
    return header if header.paralinguistic else replace(header, voice_hash="")


def make_file(
    codes: NDArray,
    header: Header,
    run_frames: int = 50,
    refresh: int = 0,
    live: bool = False,
    coder: Coder | None = None,
) -> bytes:
    """A whole file: a voice first and, with ``refresh``, after every so many frames.

    ``live``: a stream even if it is short.
    """
    file = io.BytesIO()
    writer = Writer(file, header, run_frames, coder)
    codes = np.atleast_2d(codes)
    if live:
        writer.flush()
    step = refresh or max(codes.shape[1], 1)
    for start in range(0, max(codes.shape[1], 1), step):
        if header.paralinguistic:
            writer.write_voice(make_voice(start, header.paralinguistic))
        writer.write(codes[:, start : start + step])
    writer.finish(codes.shape[1] * header.frame_size - min(codes.shape[1], 7))
    return file.getvalue()


def make_voice(seed: int, size: int = 64) -> NDArray[np.int8]:
    return np.random.default_rng(seed).integers(-127, 128, size).astype(np.int8)


def read_all(data: bytes) -> tuple[NDArray, list[Voice], End]:
    """Codes [K, L], voices and the end of a whole file."""
    events = list(Reader(io.BytesIO(data)))
    runs = [event.codes for event in events if isinstance(event, Tokens)]
    assert isinstance(events[-1], End)
    return (
        np.concatenate(runs, axis=1) if runs else np.zeros((1, 0), np.int64),
        [event for event in events if isinstance(event, Voice)],
        events[-1],
    )
