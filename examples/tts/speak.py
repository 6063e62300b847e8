"""Speak a text: sample tokens and decode each one as it comes.

    python examples/tts/speak.py tts.safetensors "good morning" --tokens tokens -o morning.wav

The voice is the paralinguistic vector of an utterance of ``--tokens`` (``--voice ID``).
"""

from __future__ import annotations

import argparse
import sys

import torch
from model import load

from secousti.audio.io import save_audio
from secousti.errors import SecoustiError
from secousti.extraction.dataset import TokenDataset, same_tokens
from secousti.hub.resolve import load_codec
from secousti.sessions.decoder import StreamDecoder


def voice_of(tokens: str, name: str | None) -> torch.Tensor:
    """The voice [64] of the utterance ``name`` of an extraction, or of its first one.

    Raises:
        SecoustiError: there is no such utterance, or it has no voice.
    """
    row = next((row for row in TokenDataset(tokens) if name in (None, row["id"])), None)
    if row is None:
        raise SecoustiError(f"{tokens} holds no utterance {name or 'at all'!r}")
    if row["paralinguistic"] is None:
        raise SecoustiError(f"{tokens} was extracted without voices (--no-voice)")
    voice: torch.Tensor = row["paralinguistic"]
    return voice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("text")
    parser.add_argument("--tokens", required=True, help="extraction with the voice")
    parser.add_argument("--voice", help="id of an utterance there; the first one by default")
    parser.add_argument("--codec", default="mini-21hz")
    parser.add_argument("-o", "--output", default="speech.wav")
    parser.add_argument("--temperature", type=float, default=0.8)
    parser.add_argument("--top", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=10.0, help="at most")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    model, about = load(args.model)
    codec = load_codec(args.codec)
    if not same_tokens(about, codec):
        raise SecoustiError(
            f"the model was trained on tokens of {about['model_id']}, another codec"
        )
    voice = voice_of(args.tokens, args.voice)[None] if codec.voice_size else None
    decoder = StreamDecoder(codec, voice)
    audio = []
    most = int(args.seconds * codec.frame_rate)
    for token in model.speak(args.text, args.temperature, args.top, most):
        audio.append(decoder.push(torch.tensor([token])))  # 46 ms of sound, ready to play
    audio.append(decoder.flush())
    wav = torch.cat(audio, dim=-1)
    save_audio(args.output, wav, codec.sample_rate)
    print(f"{wav.shape[-1] / codec.sample_rate:.2f} s to {args.output}")


if __name__ == "__main__":
    try:
        main()
    except SecoustiError as error:
        sys.exit(f"error: {error}")
