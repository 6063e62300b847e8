"""Tokens alone, in ``.npy`` and ``.pt`` files: codes int64 [K, L] and nothing beside them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secousti.atomic import replacing
from secousti.base import Codec
from secousti.container import End, Event, Tokens, Voice
from secousti.container.limits import MAX_SECONDS
from secousti.errors import SecoustiError

BARE = frozenset({".npy", ".pt"})
_RUN = 512  # frames in a run of tokens: a long recording is spoken in flat memory
LACKS = (
    "holds tokens alone: not the voice, nor which model they are of, nor how many samples there "
    "were (a .sct file keeps all of them)"
)


def is_bare(path: str) -> bool:
    """Whether a path is that of tokens alone, by its suffix."""
    return os.path.splitext(path)[1].lower() in BARE


def write_bare(target: str, events: Iterable[Event], num_codebooks: int) -> End:
    """Write the codes of a recording, int64 [K, L], as ``target``'s suffix says; its end."""
    runs, end = [np.zeros((num_codebooks, 0), np.int64)], End(0, 0, 0)
    for event in events:
        if isinstance(event, Tokens):
            runs.append(event.codes)
        elif isinstance(event, End):
            end = event
    codes = np.concatenate(runs, axis=1)
    with replacing(target) as partial, open(partial, "wb") as file:
        if target.lower().endswith(".npy"):
            np.save(file, codes, allow_pickle=False)
        else:
            torch.save(torch.from_numpy(codes), file)
    return end


def read_bare(path: str, codec: Codec, max_seconds: float = MAX_SECONDS) -> NDArray[np.int64]:
    """The codes [K, L] of a file, checked against ``codec``; [L] and [1, K, L] are taken too.

    Neither kind of file runs code: ``.npy`` is read without pickles, ``.pt`` as a plain tensor.

    Raises:
        SecoustiError: it cannot be read, is no array of integers, holds more than
            ``max_seconds``, or numbers outside the codebook.
    """
    try:
        if os.path.getsize(path) == 0:
            raise SecoustiError(f"{path} is empty")
        codes = _array(path)
    except OSError as error:
        raise SecoustiError(f"{path} cannot be read: {error.strerror or error}") from error
    except SecoustiError:
        raise
    except (ValueError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = str(error).splitlines()[0]
        raise SecoustiError(f"{path} holds no plain array of tokens: {reason}") from error
    if not isinstance(codes, (np.ndarray, torch.Tensor)):
        raise SecoustiError(f"{path} holds no plain array of tokens, but a {type(codes).__name__}")
    shape = tuple(codes.shape)
    if not 1 <= len(shape) <= 3 or (len(shape) == 3 and shape[0] != 1):
        raise SecoustiError(f"{path}: one recording's codes are [K, L] or [L], found {shape}")
    if shape[-1] > max_seconds * codec.frame_rate:
        raise SecoustiError(f"{path} holds more than {max_seconds:g} s: --max-seconds allows more")
    try:
        plain = np.array(codes) if isinstance(codes, np.ndarray) else codes
        checked = codec.check_codes(torch.as_tensor(plain).reshape(1, -1, shape[-1]))
    except (SecoustiError, TypeError) as error:
        raise SecoustiError(f"{path}: {error}") from error
    found: NDArray[np.int64] = checked[0].numpy()
    return found


def _array(path: str) -> Any:
    if path.lower().endswith(".npy"):
        # Mapped, so that a header which claims more than the file holds allocates nothing.
        return np.load(Path(path), mmap_mode="r", allow_pickle=False)
    return torch.load(path, map_location="cpu", weights_only=True)


def bare_events(
    codes: NDArray[np.int64], voice: NDArray[np.int8] | None, num_samples: int
) -> Iterator[Event]:
    """Codes [K, L] and who speaks them as the events of a recording."""
    if voice is not None:
        yield Voice(0, voice)
    for start in range(0, codes.shape[1], _RUN):
        yield Tokens(start, codes[:, start : start + _RUN])
    yield End(codes.shape[1], num_samples, 0)
