"""Aligners by name."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from data_prep.alignment.base import Aligner, Alignment, Utterance
from secousti.errors import SecoustiError

Source = Literal["auto", "builtin", "combined", "pocketsphinx", "textgrid", "own", "mms"]


def open_source(
    source: str,
    *,
    model: Path | None = None,
    textgrids: Path | None = None,
    shared: Collection[str] = (),
) -> Aligner:
    """The aligner called ``source``.

    Args:
        model: folder of a built-in model; None takes the one in the repository.
        textgrids: folder of TextGrids; None looks beside the audio.
        shared: TextGrids that several rows would take.

    Raises:
        SecoustiError: no such source, or it cannot be opened.
    """
    if source in ("auto", "builtin", "combined"):
        return _with_builtin(source, model)
    if source == "pocketsphinx":
        from data_prep.alignment.sphinx import SphinxAligner

        return SphinxAligner()
    if source == "textgrid":
        from data_prep.alignment.textgrid import TextGridAligner

        return TextGridAligner(textgrids, shared)
    if source == "own":
        from data_prep.alignment.own import OwnAligner

        return OwnAligner()
    if source == "mms":
        from data_prep.alignment.mms import MmsAligner

        return MmsAligner()
    raise SecoustiError(
        f"there is no alignment source {source!r}; choose auto, builtin, combined, "
        "pocketsphinx, textgrid, own or mms"
    )


def _with_builtin(source: str, model: Path | None) -> Aligner:
    from data_prep.alignment.builtin import BuiltinAligner

    builtin = BuiltinAligner(model)
    if source == "builtin":
        return builtin
    english: Aligner = builtin
    if source == "combined" or find_spec("pocketsphinx") is not None:
        from data_prep.alignment.combined import CombinedAligner
        from data_prep.alignment.sphinx import SphinxAligner

        english = CombinedAligner(builtin, SphinxAligner())
    return english if source == "combined" else AutoAligner(builtin, english)


class AutoAligner(Aligner):
    """A row's own times where it has them; else ``english`` for English and ``other`` for others.

    What ``english`` cannot align is left to ``other``.
    """

    def __init__(self, other: Aligner, english: Aligner) -> None:
        from data_prep.alignment.own import OwnAligner

        self._own, self._other, self._english = OwnAligner(), other, english

    def align(self, utterance: Utterance) -> Alignment:
        """As the source that was chosen."""
        if utterance.row.phones:
            return self._own.align(utterance)
        if utterance.row.language == "en":
            with suppress(SecoustiError):
                return self._english.align(utterance)
        return self._other.align(utterance)
