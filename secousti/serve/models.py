"""The codecs a server offers: loaded and measured when it starts, and described to clients."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from secousti.base import Codec
from secousti.errors import SecoustiError
from secousti.files.models import load
from secousti.hub.catalog import models
from secousti.hub.resolve import DEFAULT_MODEL
from secousti.serve.cost import ModelCost
from secousti.serve.errors import Refused
from secousti.sessions.description import describe


@dataclass(frozen=True)
class Model:
    """One codec, the mode in which it decodes live, and what its steps cost."""

    name: str
    codec: Codec
    mode: str
    cost: ModelCost

    @property
    def description(self) -> dict[str, Any]:
        """The entry of ``/v1/models``."""
        codec, mel = self.codec, self.codec.display_mel().config
        return {
            "name": self.name,
            "weights": codec.weight_hash,
            **describe(codec, self.mode),
            "hop_length": mel.hop_length,
            "n_mels": mel.n_mels,
            "fmin": mel.fmin,
            "fmax": mel.fmax,
            "mode": self.mode,
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
        SecoustiError: a model that is not found, cannot work live, or cannot speak.
    """
    chosen = list(names) or bundled_codecs()
    return Models([serve_model(load(name, device)) for name in chosen])


def bundled_codecs() -> list[str]:
    """Names of the bundled models that work live in their default mode, the default first."""
    bundled = [entry for entry in models() if entry.where == "bundled"]
    found = [(entry.name, entry.facts()) for entry in bundled]
    names = [name for name, facts in found if facts is not None and facts.latency is not None]
    return sorted(names, key=lambda name: (name != DEFAULT_MODEL, name))


def serve_model(codec: Codec) -> Model:
    """A codec to be served: in its default mode, or else in the first one that works live.

    Raises:
        SecoustiError: it needs whole recordings, or cannot speak.
    """
    codec.check_decodes()
    mode = next((mode for mode in codec.modes if codec.streams(mode)), None)
    if mode is None:
        raise SecoustiError(
            f"the model {codec.model_id!r} is not causal: it needs whole recordings"
        )
    return Model(codec.model_id, codec.eval(), mode, ModelCost(codec, mode))
