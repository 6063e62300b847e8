"""Who made tokens and voices: hashes over the parts that matter to them.

A codec with another decoder, vocoder or voice has the same token hash, and so decodes the same
files and corpora.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from secousti.entropy import CODER_NAME, LearnedCoder, load_coder
from secousti.entropy import voice_hash as voice_code_hash


def identity(
    modules: Mapping[str, nn.Module],
    config: Mapping[str, Any],
    stored: torch.dtype | None = None,
) -> str:
    """16 hex digits of a hash over the modules' weights (as float32) and hyperparameters.

    ``stored``: as they will be once they were stored in this precision.
    """
    digest = hashlib.blake2b(digest_size=8)
    digest.update(json.dumps(config, sort_keys=True).encode())
    for place, module in sorted(modules.items()):
        for name, tensor in sorted(module.state_dict().items()):
            value = tensor.detach().cpu().contiguous()
            if value.is_floating_point():
                value = value.to(stored or value.dtype).to(torch.float32)
            digest.update(f"{place}.{name}{tuple(value.shape)}".encode())
            digest.update(value.numpy().tobytes())
    return digest.hexdigest()


class Identified:
    """What a codec knows of its tokens and voices beside its weights.

    Attributes:
        coder: its learned codes for them, if it brought any along.
    """

    coder: LearnedCoder | None = None

    def token_modules(self) -> dict[str, nn.Module]:
        """The modules that decide what tokens are and mean, by name; all of them unless told.

        Codecs that agree in these and in ``token_config`` read each other's tokens, whatever else
        they decode them with.
        """
        assert isinstance(self, nn.Module)
        return dict(self.named_children())

    def token_config(self) -> dict[str, Any]:
        """The hyperparameters beside ``token_modules`` that tokens depend on, as plain data."""
        return {}

    def voice_modules(self) -> dict[str, nn.Module]:
        """The modules that decide what the numbers of a voice are and mean; none without one."""
        return {}

    def _with_encoder(self) -> Identified:
        """This codec with the modules that make tokens and voices."""
        return self

    @functools.cached_property
    def token_hash(self) -> str:
        """16 hex digits: codecs that share it read each other's tokens."""
        return identity(self._with_encoder().token_modules(), self.token_config())

    @functools.cached_property
    def voice_hash(self) -> str:
        """16 hex digits: codecs that share it read each other's voices; empty without a voice."""
        modules = self._with_encoder().voice_modules()
        if not modules:
            return ""
        return identity(modules, {"code": voice_code_hash(self.coder)})


def load_coder_of(folder: Path) -> LearnedCoder | None:
    """The learned codes that lie beside a model's weights, if any.

    Raises:
        SecoustiError: a damaged file.
    """
    path = folder / CODER_NAME
    return load_coder(path) if path.is_file() else None
