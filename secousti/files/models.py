"""Codecs for files: loaded once each, and matched to what a file says it was made with."""

from __future__ import annotations

from collections.abc import Sequence

from secousti.base import Codec
from secousti.container.coders import Coder
from secousti.container.encoded import check_codec, codec_coders
from secousti.container.errors import ContainerError
from secousti.container.header import Header
from secousti.devices import AUTO, chosen
from secousti.hub.catalog import coders_at_hand, readers
from secousti.hub.resolve import DEFAULT_MODEL, load_codec


def load(name: str, device: str = "cpu") -> Codec:
    """The codec ``name`` on ``device``.

    Raises:
        SecoustiError: no such model, or no such device here.
    """
    return load_codec(name, device=chosen(device))


class LoadedCodecs:
    """The codecs that files need, each loaded once.

    Args:
        model: use this one for every file; ``None``: the one that each file names.
        device: where they compute.
    """

    def __init__(self, model: str | None, device: str = AUTO) -> None:
        self._model = model
        self._device = device
        self._codecs: dict[str, Codec] = {}

    def __getstate__(self) -> dict[str, object]:
        """For other processes, which load codecs of their own."""
        return {**vars(self), "_codecs": {}}

    @property
    def named(self) -> bool:
        """Whether a model was named for every file."""
        return self._model is not None

    def default(self) -> Codec:
        """The codec for audio, which names none."""
        return self._get(self._model or DEFAULT_MODEL)

    def codec(self, header: Header, name: str) -> Codec:
        """The codec of the file ``name``, checked against its token hash.

        Raises:
            SecoustiError: it cannot be found, or is not the one that made the file.
        """
        codec = self._get(self._model or _at_hand(header, name))
        check_codec(header, codec, name)
        return codec

    def coders(self, header: Header) -> Sequence[Coder]:
        """The learned coders for a file: its codec's own, then those of other models at hand."""
        own = codec_coders(self.codec(header, "the file"))(header)
        return [*own, *(coder.without_voice() for coder in coders_at_hand(header))]

    def _get(self, name: str) -> Codec:
        if name not in self._codecs:
            self._codecs[name] = load(name, self._device)
        return self._codecs[name]


def _at_hand(header: Header, name: str) -> str:
    """The model that a file names, if it is on this machine: a file causes no downloads.

    Raises:
        ContainerError: it is not here.
    """
    found = readers(header)
    if not found:
        made = (
            f"holds tokens of a codec (token hash {header.token_hash})"
            if header.token_hash
            else f"was made by the model {header.model!r}"
        )
        raise ContainerError(
            f"{name} {made} that is neither bundled nor cached: "
            "give its folder or its address on the Hub (org/name) with --model"
        )
    return found[0].name
