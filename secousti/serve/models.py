"""The codecs a server offers: loaded and measured when it starts, and described to clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from secousti.codec import SecoustiCodec
from secousti.container.bits import group_shape
from secousti.encoded import PARALINGUISTIC_BITS
from secousti.errors import SecoustiError
from secousti.files.models import load
from secousti.files.sessions import is_causal
from secousti.hub.resolve import DEFAULT_MODEL, bundled_folder, bundled_models, read_config
from secousti.serve.cost import ModelCost
from secousti.serve.errors import Refused


@dataclass(frozen=True)
class Model:
    """One codec, and what its steps cost."""

    name: str
    codec: SecoustiCodec
    cost: ModelCost

    @property
    def description(self) -> dict[str, Any]:
        """The entry of ``/v1/models``."""
        codec = self.codec
        size = codec.config.paralinguistic.hidden_size
        group_tokens, group_bytes = group_shape(codec.codebook_size)
        levels = getattr(codec.quantizer, "levels", ())
        return {
            "name": self.name,
            "weights": codec.weight_hash,
            "sample_rate": codec.sample_rate,
            "frame_size": codec.frame_size,
            "frame_rate": codec.frame_rate,
            "codebook_size": codec.codebook_size,
            "levels": [int(level) for level in levels],
            "bits_per_token": codec.bits_per_frame,
            "bit_rate": codec.bitrate,
            "voice_size": size,
            "voice_bits": PARALINGUISTIC_BITS * size,
            "group_tokens": group_tokens,
            "group_bytes": group_bytes,
            "hop_length": codec.hop_length,
            "n_mels": codec.config.mel.n_mels,
            "fmin": codec.config.mel.fmin,
            "fmax": codec.config.mel.fmax,
            "algorithmic_latency_ms": 1e3 * codec.latency / codec.sample_rate,
        }


class Models:
    """Models by name; the first is the default."""

    def __init__(self, models: Iterable[Model]) -> None:
        self._models = {model.name: model for model in models}

    def __iter__(self) -> Any:
        return iter(self._models.values())

    @property
    def default(self) -> str:
        """The name of the first."""
        return next(iter(self._models))

    def get(self, name: str | None) -> Model:
        """A model by name, the default for ``None``.

        Raises:
            Refused: there is none of this name; only those loaded at the start are looked at.
        """
        model = self._models.get(self.default if name is None else name)
        if model is None:
            known = ", ".join(self._models)
            raise Refused("unknown_model", f"no such model here; there are: {known}")
        return model


def load_models(names: Iterable[str], device: str) -> Models:
    """Load ``names``, or every bundled codec that can work live if there are none.

    Raises:
        SecoustiError: a model that is not found, not causal or no SecoustiCodec, or cannot speak.
    """
    chosen = list(names) or bundled_codecs()
    return Models([_model(name, device) for name in chosen])


def bundled_codecs() -> list[str]:
    """Names of the bundled models that can be served, the default first."""
    kinds = {name: read_config(bundled_folder(name)).get("codec") for name in bundled_models()}
    names = [name for name, kind in kinds.items() if kind == SecoustiCodec.kind]
    return sorted(names, key=lambda name: (name != DEFAULT_MODEL, name))


def _model(name: str, device: str) -> Model:
    codec = load(name, device)
    if not isinstance(codec, SecoustiCodec):
        raise SecoustiError(
            f"the model {name!r} is a P2PSynCodec, and only a SecoustiCodec ({DEFAULT_MODEL}) is "
            f"served: use secousti live -m {name}, or encode and decode through pipes"
        )
    if not is_causal(codec):
        raise SecoustiError(f"the model {name!r} is not causal: it needs whole recordings")
    if codec.vocoder is None:
        raise SecoustiError(f"the model {name!r} has no vocoder, so it cannot speak")
    return Model(codec.model_id, codec.eval(), ModelCost(codec))
