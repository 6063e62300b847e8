"""Load whatever kind of codec a name stands for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from secousti.errors import SecoustiError
from secousti.hub.kinds import codec_class
from secousti.hub.resolve import DEFAULT_MODEL, resolve
from secousti.hub.weights import read_config

if TYPE_CHECKING:
    from secousti.codec import SecoustiCodec
    from secousti.p2psyn.codec import P2PSynCodec


def load_codec(
    name: str | Path = DEFAULT_MODEL,
    *,
    device: torch.device | str = "cpu",
    revision: str | None = None,
) -> SecoustiCodec | P2PSynCodec:
    """The codec ``name`` (bundled, directory, or org/name on the Hub), of the kind it says.

    Raises:
        SecoustiError: no such model, or a kind this version does not know.
    """
    folder = resolve(name, revision)
    kind = read_config(folder).get("codec")
    cls = codec_class(kind)
    if cls is None:
        raise SecoustiError(f"{folder} holds a {kind!r} model, which this version does not know")
    codec: SecoustiCodec | P2PSynCodec = cls.from_pretrained(name, device=device, revision=revision)
    return codec
