"""How far a chunk of tokens, decoded alone after some tokens of left context, is from the stream.

    python -m benchmarks.left_context [--model mini-21hz]

What a serving stage without state does: each chunk is decoded with the tokens before it, and their
sound is thrown away. The log-mel of `examples/speech.wav`'s tokens, in chunks of 16, is compared
with that of the whole; 8.7 dB are a nat.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor

from secousti import Encoded, SecoustiCodec, load_codec

SPEECH = Path(__file__).parents[1] / "examples" / "speech.wav"
CHUNK = 16


def mel(codec: SecoustiCodec, codes: Tensor, voice: Tensor) -> Tensor:
    """int64 [1, K, L] -> log-mel [n_mels, T]."""
    return codec.decode_mel(Encoded.from_codes(codes, voice, codec=codec))[0]


@torch.no_grad()
def gap(codec: SecoustiCodec, found: Encoded, context: int) -> tuple[float, float]:
    """Mean and largest difference of log-mel, in nats."""
    assert found.paralinguistic is not None
    whole = mel(codec, found.codes, found.paralinguistic)
    frames = codec.frame_size // codec.hop_length
    parts = []
    for at in range(0, found.codes.shape[-1], CHUNK):
        first = max(0, at - context)
        chunk = mel(codec, found.codes[..., first : at + CHUNK], found.paralinguistic)
        parts.append(chunk[:, (at - first) * frames :])
    gaps = (torch.cat(parts, dim=1) - whole).abs()
    return float(gaps.mean()), float(gaps.max())


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mini-21hz")
    codec = load_codec(parser.parse_args().model)
    assert isinstance(codec, SecoustiCodec)
    found = codec.encode(SPEECH)
    print("| tokens of left context | decoded per token | log-mel, mean | log-mel, most |")
    print("|---|---|---|---|")
    for context in (0, 4, 8, 16, 32, 64, 128):
        mean, most = gap(codec, found, context)
        print(f"| {context} | {1 + context / CHUNK:.2f} | {mean:.4f} | {most:.3f} |")


if __name__ == "__main__":
    main()
