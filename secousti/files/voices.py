"""The voice of one recording for the tokens of another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from secousti.container import Event, Voice
from secousti.errors import SecoustiError
from secousti.files.models import LoadedCodecs
from secousti.files.sources import open_speech


def in_voice(events: Iterable[Event], codes: NDArray[np.int8]) -> Iterator[Event]:
    """The same recording with ``codes`` as its one voice."""
    yield Voice(0, codes)
    yield from (event for event in events if not isinstance(event, Voice))


def voice_of(path: str, codecs: LoadedCodecs) -> NDArray[np.int8]:
    """The last, best known paralinguistic vector of a recording.

    Raises:
        SecoustiError: it has none.
    """
    with open_speech(path, codecs) as speech:
        if not speech.header.paralinguistic:
            raise SecoustiError(
                f"the model {speech.codec.model_id!r} keeps no voice apart from its tokens, so it "
                "converts none: use a SecoustiCodec"
            )
        voices = [event.codes for event in speech.events if isinstance(event, Voice)]
    if not voices:
        raise SecoustiError(f"{path} holds no paralinguistic vector to speak with")
    return voices[-1]
