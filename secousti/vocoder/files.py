"""From a configuration, or from a folder, to a vocoder; and back into a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from secousti.config import MelConfig, VocoderConfig, from_dict, to_dict
from secousti.errors import SecoustiError
from secousti.pretrained import CONFIG_NAME, WEIGHTS_NAME, load_folder, read_document, save_folder
from secousti.vocoder.base import Vocoder


def build_vocoder(config: VocoderConfig, mel: MelConfig) -> Vocoder:
    """The vocoder ``config.kind`` for the mel frames of ``mel``, freshly initialised.

    Raises:
        SecoustiError: the configuration does not fit the mel frames.
    """
    # Imported here: only one of them is needed.
    if config.kind == "causal_istft":
        from secousti.vocoder.causal_istft import CausalIstftVocoder

        return CausalIstftVocoder(config.causal_istft, mel)
    if config.kind == "hifigan":
        from secousti.vocoder.hifigan import HifiganVocoder

        return HifiganVocoder(config.hifigan, mel)
    from secousti.vocoder.hift import HiftVocoder

    return HiftVocoder(config.hift, mel)


def vocoder_config(vocoder: Vocoder, base: VocoderConfig | None = None) -> VocoderConfig:
    """The configuration that builds ``vocoder``: ``base`` with its kind and its own part.

    Raises:
        SecoustiError: a vocoder of another library or of one's own.
    """
    own: Any = getattr(vocoder, "config", None)
    for kind in ("causal_istft", "hifigan", "hift"):
        if type(own) is type(getattr(VocoderConfig(), kind)):
            return replace(base or VocoderConfig(), kind=kind, **{kind: own})
    raise SecoustiError(
        f"a {type(vocoder).__name__} cannot be saved with a codec: its configuration is none that "
        "build_vocoder knows"
    )


def save_vocoder(vocoder: Vocoder, config: VocoderConfig, folder: str | Path) -> None:
    """Write a vocoder and the configuration that builds it; each file appears whole."""
    document = {"vocoder": to_dict(config), "mel": to_dict(vocoder.mel)}
    save_folder(folder, document, vocoder.state_dict())


def load_vocoder(folder: str | Path) -> tuple[Vocoder, VocoderConfig]:
    """The vocoder saved in ``folder``, in eval mode, and its configuration.

    Raises:
        SecoustiError: a file is missing, or weights and configuration do not fit each other.
    """
    folder = Path(folder)
    document = read_document(folder, "vocoder")
    missing = [part for part in ("vocoder", "mel") if part not in document]
    if missing:
        raise SecoustiError(f"{folder} is not a vocoder: its {CONFIG_NAME} has no {missing[0]!r}")
    where = f"{folder}/{CONFIG_NAME}"
    config = from_dict(VocoderConfig, document["vocoder"], where=where)
    mel = from_dict(MelConfig, document["mel"], where=where)
    files = [("", folder / WEIGHTS_NAME)]
    return load_folder(lambda: build_vocoder(config, mel), files), config
