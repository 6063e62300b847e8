"""A codec's learned coder, from tokens that ``secousti extract`` made of much speech.

    secousti extract speech/*.jsonl -o tokens -m mini-21hz
    python -m train.entropy mini-21hz tokens -o secousti/hub/bundled/mini-21hz/coder.safetensors \
        --valid other-tokens

Writes a model of tokens and, for a codec with a voice, a code for voices; after each epoch it says
how many bits a token takes, and saves. What ``--from`` names goes on from a saved network.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from secousti import load_codec
from secousti.atomic import replacing
from secousti.base import Codec
from secousti.codec import SecoustiCodec
from secousti.entropy import save_coder
from secousti.errors import SecoustiError
from secousti.extraction.dataset import TokenDataset, same_tokens
from train.entropy.export import tensors
from train.entropy.fit import Settings, bits, fit
from train.entropy.network import Network
from train.entropy.voice import voice_code

LARGEST = 128  # values of a symbol, where levels allow


@dataclass(frozen=True)
class Speech:
    """Tokens of recordings, and the voices they were spoken in, if the codec has any."""

    tokens: list[NDArray[np.int64]]
    voices: NDArray[np.float64] | None


def read_tokens(folders: Sequence[Path], codec: Codec) -> Speech:
    """Everything in extracted folders.

    Raises:
        SecoustiError: tokens of another codec.
    """
    tokens, voices = [], []
    for folder in folders:
        dataset = TokenDataset(folder)
        if not same_tokens(dataset.codec, codec):
            raise SecoustiError(
                f"{folder} holds tokens of another codec than {codec.model_id!r} "
                f"(token hash {codec.token_hash})"
            )
        for example in dataset:
            tokens.append(example["codes"].T.reshape(-1).numpy())
            if example["paralinguistic"] is not None:
                voices.append(example["paralinguistic"].double().numpy())
    return Speech(tokens, np.stack(voices) if voices else None)


def groups_of(codec: Codec) -> tuple[int, ...]:
    """Symbols of a token: levels side by side as long as they have few values together."""
    groups: list[int] = []
    for level in codec.levels or (codec.codebook_size,):
        if groups and groups[-1] * level <= LARGEST:
            groups[-1] *= level
        else:
            groups.append(level)
    return tuple(groups)


def voice_tensors(codec: Codec, speech: Speech) -> dict[str, NDArray] | None:
    """The code for the codec's voices."""
    if speech.voices is None or not isinstance(codec, SecoustiCodec):
        return None
    projection = codec.paralinguistic.mu.weight.detach().double().cpu().numpy()
    return voice_code(speech.voices, projection)


def parse(given: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("tokens", type=Path, nargs="+", help="extracted folders to learn from")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--valid", type=Path, nargs="*", default=[], help="folders to measure on")
    parser.add_argument("--from", dest="begun", type=Path, help="a network saved by an earlier run")
    parser.add_argument("--hidden", type=int, default=192)
    parser.add_argument("--mix", type=int, default=96)
    parser.add_argument("--lags", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--epochs", type=int, default=Settings.epochs)
    parser.add_argument("--batch", type=int, default=Settings.batch)
    parser.add_argument("--rate", type=float, default=Settings.rate)
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> None:
    """See the module."""
    arguments = parse(given)
    codec = load_codec(arguments.model)
    speech = read_tokens(arguments.tokens, codec)
    valid = {folder: read_tokens([folder], codec).tokens for folder in arguments.valid}
    groups, sizes = groups_of(codec), (arguments.hidden, arguments.mix, arguments.lags)
    network = Network(groups, *sizes, dropout=arguments.dropout)
    saved = arguments.output.with_suffix(".network.safetensors")
    if arguments.begun:
        network.load_state_dict(load_file(arguments.begun))
    voice = voice_tensors(codec, speech)

    def save(epoch: int, trained: float) -> None:
        with replacing(saved) as partial:
            save_file(network.state_dict(), partial)
        save_coder(arguments.output, groups, tensors(network), voice)
        told = ", ".join(
            f"{folder} {bits(network, tokens):.3f}" for folder, tokens in valid.items()
        )
        print(f"epoch {epoch}: {trained:.3f} bits a token; {told}", flush=True)

    settings = Settings(arguments.epochs, arguments.batch, rate=arguments.rate)
    fit(network, speech.tokens, settings, save)


if __name__ == "__main__":
    try:
        main()
    except SecoustiError as error:
        raise SystemExit(f"error: {error}") from error
