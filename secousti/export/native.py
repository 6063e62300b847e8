"""``export --format c``: one file of weights for the C codec (``secousti/native``).

``native/weights.h`` says how the file is laid out and how its tensors are named.
"""

from __future__ import annotations

import copy
import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from secousti.atomic import replacing
from secousti.base import Codec
from secousti.config import to_dict
from secousti.container.encoded import codec_header
from secousti.container.version2.facts import kind_byte
from secousti.errors import SecoustiError
from secousti.p2psyn.convnext import fold_weight_norm
from secousti.vocoder.causal_istft import HarmonicHead
from secousti.vocoder.pitch import pitch_octaves

SUFFIX = ".sctm"
_MAGIC, _VERSION = b"SCTM", 1
_ALIGNMENT = 64
_DTYPES = ("float32", "float64", "int32", "int16", "int8", "uint8")
_ENTRY = struct.Struct("<88sBBH4IIQQ")
_MOST_NAME, _MOST_DIMS = 87, 4
_UNUSED = ("logvar.weight", "logvar.bias", "num_batches_tracked")  # only training reads them

Tensors = dict[str, NDArray[Any]]


def export_native(codec: Codec, path: str | Path, *, force: bool = False) -> Path:
    """Write the numbers of ``codec`` that encode and decode into one file for C programs.

    Args:
        path: the file, by convention ``*.sctm``.
        force: write over an earlier one.

    Raises:
        SecoustiError: the file is there, or a part of the codec has no place in such a file.
    """
    path = Path(path)
    if path.is_dir():
        raise SecoustiError(f"{path} is a folder; name a file for the weights, such as m{SUFFIX}")
    if path.exists() and not force:
        raise SecoustiError(f"{path} is there already; use --force to overwrite it")
    tensors = native_tensors(codec)
    with replacing(path) as partial:
        write_tensors(partial, tensors)
    return path


def native_tensors(codec: Codec) -> Tensors:
    """Everything that goes into the file, by name (``native/weights.h``)."""
    return {
        **_parameters(codec),
        **{f"config.{name}": value for name, value in _flat(to_dict(codec.config))},
        **{f"facts.{name}": value for name, value in _flat(_facts(codec))},
        **_coder(codec),
        **_derived(codec),
    }


def _parameters(codec: Codec) -> Tensors:
    """Parameters and buffers of the parts that encode and decode, as they are in Python."""
    plain = copy.deepcopy(codec).cpu().eval()
    fold_weight_norm(plain)
    unused = tuple(set(codec.not_in_encoder) & set(codec.not_in_decoder))
    named = [  # one tensor may have several names
        *plain.named_parameters(remove_duplicate=False),
        *plain.named_buffers(remove_duplicate=False),
    ]
    return {
        name: _narrowed(name, tensor.detach())
        for name, tensor in named
        if not name.endswith(_UNUSED) and not name.startswith(tuple(f"{u}." for u in unused))
    }


def _narrowed(name: str, tensor: torch.Tensor) -> NDArray[Any]:
    """float64 that came from float32 as such again, and int64 as int32.

    Raises:
        SecoustiError: numbers that do not fit.
    """
    values = tensor.numpy()
    kinds = {"float64": np.float32, "int64": np.int32, "bool": np.uint8}
    if str(values.dtype) in kinds:
        narrow = values.astype(kinds[str(values.dtype)])
        if not np.array_equal(narrow, values):
            if values.dtype == np.float64:
                return values
            raise SecoustiError(f"{name} has integers that do not fit 32 bits")
        values = narrow
    return values if values.ndim else values[None]


def _flat(values: Mapping[str, Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    """Numbers, words and lists of a nested mapping under their paths; nothing for ``None``."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from ((f"{name}.{rest}", found) for rest, found in _flat(value))
        elif value not in (None, "", b"", [], ()):
            yield name, _array(value)


def _array(value: Any) -> NDArray[Any]:
    if isinstance(value, (str, bytes)):
        return np.frombuffer(value.encode() if isinstance(value, str) else value, np.uint8)
    values = np.atleast_1d(np.asarray(value))
    return values.astype(np.float64 if values.dtype.kind == "f" else np.int32)


def _facts(codec: Codec) -> dict[str, Any]:
    header = codec_header(codec, payload="packed", voice_form=0)
    return {
        "kind": codec.kind,
        "model_id": codec.model_id,
        "weight_hash": codec.weight_hash,
        "token_hash": bytes.fromhex(codec.token_hash),
        "voice_hash": bytes.fromhex(codec.voice_hash),
        "profile": kind_byte(header) & 0x1F,
        "sample_rate": codec.sample_rate,
        "frame_size": codec.frame_size,
        "hop_length": codec.hop_length,
        "codebook_size": codec.codebook_size,
        "num_codebooks": codec.num_codebooks,
        "levels": list(codec.levels),
        "voice_size": codec.voice_size,
        "lookahead": codec.lookahead,
        "delay": codec.delay,
    }


def _coder(codec: Codec) -> Tensors:
    """The learned codes of tokens and voices, with the names of their file."""
    from secousti.entropy.file import tensors_of

    coder = codec.coder
    if coder is None:
        return {}
    found = {f"coder.{name}": value for name, value in tensors_of(coder).items()}
    if coder.network is not None:
        found["coder.tokens.groups"] = np.array(coder.network.groups, np.int32)
        found["coder.hash"] = np.frombuffer(bytes.fromhex(coder.token_hash), np.uint8)
    return found


def _derived(codec: Codec) -> Tensors:
    """Tables that C could only make with a mathematical library, which differs by machine."""
    found: Tensors = {}
    transformer = getattr(codec.config, "transformer", None)
    if transformer is not None:
        size = transformer.d_model // transformer.num_heads
        exponents = torch.arange(0, size, 2, dtype=torch.float64) / size
        found["derived.rotary"] = (transformer.max_period**-exponents).numpy()
    if isinstance(getattr(codec.mel_vocoder, "head", None), HarmonicHead):
        found["derived.octaves"] = pitch_octaves(torch.zeros(1, dtype=torch.float64)).numpy()
    return found


def write_tensors(path: Path, tensors: Mapping[str, NDArray[Any]]) -> None:
    """Header, table and tensors into ``path``.

    Raises:
        SecoustiError: a name, a type or a shape that the format does not have.
    """
    data = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors, key=str.encode)}
    offset = _aligned(_ALIGNMENT + _ENTRY.size * len(data))
    entries, offsets = [], []
    for name, values in data.items():
        entries.append(_entry(name, values, offset))
        offsets.append(offset)
        offset = _aligned(offset + values.nbytes)
    table = b"".join(entries)
    start = struct.pack("<4sIIIQ", _MAGIC, _VERSION, len(data), 0, offset)
    crc = zlib.crc32(table, zlib.crc32(start))
    with path.open("wb") as file:
        file.write((start + struct.pack("<I", crc)).ljust(_ALIGNMENT, b"\0") + table)
        for at, values in zip(offsets, data.values(), strict=True):
            file.write(bytes(at - file.tell()))
            file.write(values.tobytes())
        file.write(bytes(offset - file.tell()))


def _entry(name: str, values: NDArray[Any], offset: int) -> bytes:
    """Its line of the table."""
    fits = len(name.encode()) <= _MOST_NAME and 1 <= values.ndim <= _MOST_DIMS and values.size
    if not fits or str(values.dtype) not in _DTYPES:
        raise SecoustiError(f"{name} ({values.dtype} {list(values.shape)}) has no place in a file")
    shape = [*values.shape, *[1] * (_MOST_DIMS - values.ndim)]
    crc = zlib.crc32(values.tobytes())
    kind = _DTYPES.index(str(values.dtype))
    head = (name.encode(), kind, values.ndim, 0, *shape)
    return _ENTRY.pack(*head, crc, offset, values.nbytes)


def _aligned(offset: int) -> int:
    return offset + -offset % _ALIGNMENT
