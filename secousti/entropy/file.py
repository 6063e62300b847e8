"""The file that a codec brings its learned codes in: safetensors, checksummed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from secousti.atomic import replacing
from secousti.entropy.coder import LearnedCoder
from secousti.entropy.network import Network
from secousti.entropy.voice import VoiceCode
from secousti.errors import SecoustiError

CODER_NAME = "coder.safetensors"
MAX_BYTES = 8 << 20
_TOKENS, _VOICE = "tokens.", "voice."


def save_coder(
    path: str | Path,
    groups: tuple[int, ...],
    tokens: Mapping[str, NDArray],
    voice: Mapping[str, NDArray] | None,
) -> LearnedCoder:
    """Write a model of tokens and a code for voices, and give them as they will be loaded."""
    tensors = {_TOKENS + name: np.ascontiguousarray(t) for name, t in tokens.items()}
    tensors |= {_VOICE + name: np.ascontiguousarray(t) for name, t in (voice or {}).items()}
    metadata = {"groups": json.dumps(list(groups)), "hash": _hash(tensors, list(groups), 16)}
    with replacing(path) as partial:
        save_file(tensors, partial, metadata)
    return load_coder(path)


def load_coder(path: str | Path) -> LearnedCoder:
    """What ``save_coder`` wrote.

    Raises:
        SecoustiError: missing, damaged, or not such a file: every number in it decides what bits
            mean, so it is checked against its hash.
    """
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            raise SecoustiError(f"{path} is larger than {MAX_BYTES} bytes")
        content = Path(path).read_bytes()
        metadata, tensors = _parsed(content)
        groups = json.loads(metadata.get("groups", "[]"))
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise SecoustiError(f"{path} is not an entropy coder: {error}") from error
    if metadata.get("hash") != _hash(tensors, groups, 16):
        raise SecoustiError(f"{path} is damaged: its numbers are not those of its hash")
    return _built(tensors, groups, content, str(path))


def tensors_of(coder: LearnedCoder) -> dict[str, NDArray]:
    """The tensors of its file, by their names there: ``tokens.*`` and ``voice.*``."""
    return _parsed(coder.content)[1]


def voice_hash(coder: LearnedCoder | None) -> str:
    """Hex digits over the code for voices; empty without one."""
    if coder is None or coder.voice is None:
        return ""
    return _hash(coder.voice.tensors, [], 16)


def _parsed(content: bytes) -> tuple[dict[str, str], dict[str, NDArray]]:
    """Metadata and tensors of a safetensors file."""
    tensors = load(content)  # checks every size that the file claims
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header.get("__metadata__", {}), tensors


def _built(
    tensors: Mapping[str, NDArray], groups: list[int], content: bytes, where: str
) -> LearnedCoder:
    tokens = {n.removeprefix(_TOKENS): t for n, t in tensors.items() if n.startswith(_TOKENS)}
    voice = {n.removeprefix(_VOICE): t for n, t in tensors.items() if n.startswith(_VOICE)}
    try:
        network = Network(groups, tokens) if tokens else None
        code = VoiceCode(voice) if voice else None
        return LearnedCoder(network, _hash(tokens, groups, 8), code, content)
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise SecoustiError(f"{where} is not an entropy coder: {error}") from error


def _hash(tensors: Mapping[str, NDArray], groups: list[int], digits: int) -> str:
    digest = hashlib.blake2b(json.dumps(groups).encode(), digest_size=digits // 2)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name}{tensor.dtype}{tensor.shape}".encode())
        digest.update(np.ascontiguousarray(tensor).tobytes())
    return digest.hexdigest()
