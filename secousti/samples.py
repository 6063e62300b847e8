"""Audio that callers hand over as samples, all of it taken here: checked, scaled, float32."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from secousti.errors import SecoustiError

MIN_RATE, MAX_RATE = 1_000, 768_000  # Hz
# Lossy decoders, resamplers and float mixes overshoot full scale, by 6 dB at the very most.
LOUDEST = 2.0
# Integer types as they are recorded: (silence, full scale).
_INTEGERS = {
    torch.uint8: (128.0, 128.0),
    torch.int16: (0.0, 2.0**15),
    torch.int32: (0.0, 2.0**31),
}
_MOST_CHANNELS = 32
_FEWEST_SAMPLES = 32  # of a row in a batch, where [N, C] could be meant


def as_samples(value: Any, *, what: str) -> Tensor:
    """Samples of any shape -> the same as float32, not attached to a graph.

    Floats are taken as they are; int16 and int32 are divided by 2^15 and 2^31, and uint8 by 128
    around 128, as WAV files hold them.

    Args:
        value: an array, a tensor, or (nested) lists of numbers. It may have no samples.
        what: names it in messages ("a chunk", "audio row 3").

    Raises:
        SecoustiError: another type, NaN or infinity, or values beyond full scale by more than
            the 6 dB that lossy decoders and resamplers may overshoot.
    """
    samples = _tensor(value, what)
    if samples.is_floating_point():
        samples = samples.float()
    elif samples.dtype in _INTEGERS:
        silence, full_scale = _INTEGERS[samples.dtype]
        samples = (samples.float() - silence) / full_scale
    else:
        raise _wrong_type(str(samples.dtype).removeprefix("torch."), what)
    return check_range(samples, what)


def check_range(samples: Tensor, what: str) -> Tensor:
    """Return float ``samples`` if all are finite and within full scale (and 6 dB more).

    Raises:
        SecoustiError: they are not.
    """
    if samples.numel() == 0:
        return samples
    low, high = (float(x) for x in torch.aminmax(samples))  # NaN if one is anywhere
    peak = max(-low, high)
    if peak <= LOUDEST:
        return samples
    if not math.isfinite(peak):
        first = int((~torch.isfinite(samples)).flatten().nonzero()[0])
        raise SecoustiError(f"{what} has a NaN or infinite sample (first at index {first})")
    raise SecoustiError(
        f"{what} reaches {peak:g}, far beyond full scale: float samples lie in [-1, 1]. Divide "
        "by the full scale of their source first: 32768 for 16-bit samples, 8388608 for 24-bit, "
        "2147483648 for 32-bit (int16 and int32 arrays are scaled here)"
    )


def one_recording(value: Any, *, what: str) -> Tensor:
    """One recording as mono float32 [N]; channels are averaged.

    Args:
        value: [N], [C, N], [1, C, N], or channels last as soundfile gives it, [N, C].
        what: names it in messages.

    Raises:
        SecoustiError: no samples, another shape, or what ``as_samples`` refuses.
    """
    samples = as_samples(value, what=what)
    shape = tuple(samples.shape)
    if samples.dim() == 3 and shape[0] == 1:
        samples = samples[0]
    if samples.dim() not in (1, 2):
        raise SecoustiError(f"{what} must be [N] or [C, N], found shape {shape}")
    if samples.numel() == 0:
        raise SecoustiError(f"{what} has no samples")
    return samples if samples.dim() == 1 else _channels_first(samples, what).mean(dim=0)


def batch_rows(
    value: Any, lengths: Tensor | Sequence[int] | None = None, *, what: str
) -> list[Tensor]:
    """The recordings of a batch, each mono float32 [N_i]; channels are averaged.

    Args:
        value: [N], [B, N] or [B, C, N].
        lengths: samples that count in each row; all if not given.
        what: names it in messages.

    Raises:
        SecoustiError: no samples, another shape, lengths that do not fit, or what ``as_samples``
            refuses. [N, 2] is refused as one recording with its channels last, unless
            ``lengths`` says that rows are meant.
    """
    samples = as_samples(value, what=what)
    shape = tuple(samples.shape)
    if samples.dim() not in (1, 2, 3):
        raise SecoustiError(f"{what} must be [N], [B, N] or [B, C, N], found shape {shape}")
    if samples.numel() == 0:
        raise SecoustiError(f"{what} has no samples (its shape is {shape})")
    if samples.dim() == 2 and lengths is None:
        _refuse_channels_last(shape, what)
    if samples.dim() == 3:
        _refuse_many_channels(shape, what)
        samples = samples.mean(dim=1)
    rows = list(samples[None] if samples.dim() == 1 else samples)
    return rows if lengths is None else _cut(rows, [int(n) for n in lengths], what)


def check_rate(rate: Any, *, what: str = "sample_rate") -> int:
    """``rate`` as a whole number of Hz.

    Raises:
        SecoustiError: it is no whole number within MIN_RATE..MAX_RATE.
    """
    number = _is_rate(rate) and not isinstance(rate, bool)
    if number and float(rate).is_integer() and MIN_RATE <= rate <= MAX_RATE:
        return int(rate)
    raise SecoustiError(f"{what} must be {MIN_RATE} to {MAX_RATE} Hz, found {rate!r}")


def unpack(value: Any, *, what: str) -> tuple[Any, int | None]:
    """What carries its own rate -> its samples (or its file) and the rate; others as they are.

    Known are (array, rate) and (rate, array); audio of Hugging Face datasets, decoded
    (``{"array", "sampling_rate"}``) or not (``{"bytes", "path"}``); and torchcodec's decoders and
    samples, which newer versions of ``datasets`` give.

    Raises:
        SecoustiError: a mapping of other fields, or a rate that is none.
    """
    if is_pair(value):
        array, rate = value if _is_rate(value[1]) else value[::-1]
        return array, check_rate(rate, what=f"the rate of {what}")
    if isinstance(value, Mapping):
        return _from_mapping(value, what)
    if hasattr(value, "get_all_samples"):
        value = value.get_all_samples()
    if hasattr(value, "data") and hasattr(value, "sample_rate"):
        return value.data, check_rate(value.sample_rate, what=f"the rate of {what}")
    return value, None


def is_pair(value: Any) -> bool:
    """Is it samples and their rate in a tuple, as soundfile, torchaudio or SciPy give them?"""
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    return any(_is_rate(a) and not _is_rate(b) for a, b in (value, value[::-1]))


def agreed_rate(own: int | None, given: int | None, *, what: str) -> int:
    """The rate of samples that carry ``own`` (if any) and came with ``sample_rate=given``.

    Raises:
        SecoustiError: neither is there, they differ, or ``given`` is no rate.
    """
    if given is not None:
        given = check_rate(given)
    if own is None and given is None:
        raise SecoustiError(
            f"{what} is an array, which does not know its rate: pass sample_rate=..., or the pair "
            "(array, rate)"
        )
    if own is not None and given is not None and own != given:
        raise SecoustiError(f"{what} comes with {own} Hz, but sample_rate says {given}")
    return own if own is not None else given  # type: ignore[return-value]


def _tensor(value: Any, what: str) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of different lengths
        raise SecoustiError(
            f"{what} must be an array of numbers ({error}); several recordings of different "
            "lengths are a list of arrays"
        ) from error
    dtype = np.dtype(np.float32) if array.dtype.kind == "f" else array.dtype.newbyteorder("=")
    if dtype not in (np.float32, np.uint8, np.int16, np.int32):
        raise _wrong_type(type(value).__name__ if dtype.kind == "O" else array.dtype, what)
    # PyTorch takes neither other byte orders nor memory that may not be written to.
    array = array.astype(dtype, order="C", copy=False)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def _wrong_type(name: Any, what: str) -> SecoustiError:
    return SecoustiError(
        f"{what} must be float samples in [-1, 1], or int16, int32 or uint8, found {name}"
    )


def _channels_first(samples: Tensor, what: str) -> Tensor:
    """[C, N] from [C, N] or [N, C]: the short side is the channels."""
    first, last = samples.shape
    if max(first, last) <= _MOST_CHANNELS and first > last:
        raise SecoustiError(
            f"{what} of shape {(first, last)} could be [C, N] or [N, C]: pass one channel, [N]"
        )
    if min(first, last) > _MOST_CHANNELS:
        raise SecoustiError(
            f"{what} of shape {(first, last)} is no recording of up to {_MOST_CHANNELS} channels; "
            "pass several recordings as a batch [B, N] or as a list"
        )
    return samples if first <= last else samples.T


def _refuse_channels_last(shape: tuple[int, ...], what: str) -> None:
    rows, size = shape
    if size < _FEWEST_SAMPLES and rows > size:
        raise SecoustiError(
            f"{what} of shape {shape} would be {rows} recordings of {size} sample(s). One "
            "recording as soundfile gives it, [N, C], is passed as (array, rate) or as "
            "array.mean(axis=1); a batch [B, N] of such short rows as a list of its rows"
        )


def _refuse_many_channels(shape: tuple[int, ...], what: str) -> None:
    _, channels, size = shape
    if channels > _MOST_CHANNELS or (channels > size and channels > 1):
        raise SecoustiError(
            f"{what} of shape {shape} would have {channels} channels of {size} sample(s): a batch "
            "is [B, C, N]; transpose the last two axes of [B, N, C]"
        )


def _cut(rows: list[Tensor], lengths: list[int], what: str) -> list[Tensor]:
    if len(lengths) != len(rows) or not all(0 < n <= len(rows[0]) for n in lengths):
        raise SecoustiError(
            f"lengths {lengths} do not fit {what} of {len(rows)} row(s) of {len(rows[0])} samples"
        )
    return [row[:n] for row, n in zip(rows, lengths, strict=True)]


def _is_rate(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating))


def _from_mapping(value: Mapping[str, Any], what: str) -> tuple[Any, int | None]:
    rate = value.get("sampling_rate", value.get("sample_rate"))
    if value.get("array") is not None and rate is not None:
        return value["array"], check_rate(rate, what=f"the rate of {what}")
    for field in ("bytes", "path"):
        if value.get(field) is not None:
            return value[field], None
    raise SecoustiError(
        f"{what} is a mapping with the fields {', '.join(map(str, value)) or '(none)'}; audio has "
        "'array' and 'sampling_rate', or 'bytes', or 'path'"
    )
