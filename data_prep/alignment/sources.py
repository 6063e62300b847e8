"""Aligners by name."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from data_prep.alignment.base import Aligner, Alignment, Utterance
from secousti.errors import SecoustiError

Source = Literal["auto", "builtin", "pocketsphinx", "textgrid", "own", "mms"]


def open_source(
    source: str, *, model: Path | None = None, textgrids: Path | None = None
) -> Aligner:
    """The aligner called ``source``.

    Arguments:
        model: folder of a built-in model; None takes the one in the repository.
        textgrids: folder of TextGrids; None looks beside the audio.

    Raises:
        SecoustiError: no such source, or it cannot be opened.
    """
    if source in ("auto", "builtin"):
        from data_prep.alignment.builtin import BuiltinAligner

        builtin = BuiltinAligner(model)
        return builtin if source == "builtin" else AutoAligner(builtin)
    if source == "pocketsphinx":
        from data_prep.alignment.sphinx import SphinxAligner

        return SphinxAligner()
    if source == "textgrid":
        from data_prep.alignment.textgrid import TextGridAligner

        return TextGridAligner(textgrids)
    if source == "own":
        from data_prep.alignment.own import OwnAligner

        return OwnAligner()
    if source == "mms":
        from data_prep.alignment.mms import MmsAligner

        return MmsAligner()
    raise SecoustiError(
        f"there is no alignment source {source!r}; choose auto, builtin, pocketsphinx, textgrid, "
        "own or mms"
    )


class AutoAligner(Aligner):
    """A row's own times where it has them, else the built-in aligner."""

    def __init__(self, builtin: Aligner) -> None:
        from data_prep.alignment.own import OwnAligner

        self._own, self._builtin = OwnAligner(), builtin

    def align(self, utterance: Utterance) -> Alignment:
        """As the source that was chosen."""
        chosen = self._own if utterance.row.phones else self._builtin
        return chosen.align(utterance)
