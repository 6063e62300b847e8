"""What the code for voices costs in likeness: paired, through the decoder, by Resemblyzer.

    python -m benchmarks.voice_bits mini-21hz MANIFEST.jsonl ROOT --limit 60

Each recording is decoded with its voice in 8 bits a number and in the codec's own code; both are
compared with the recording. Prints the bits and the mean cosine of each, and the mean difference
with its 95 % interval.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from resemblyzer import VoiceEncoder, preprocess_wav
from torch import Tensor

from secousti import load_codec
from secousti.entropy import CODER_NAME, load_coder
from secousti.entropy.voice import VoiceCode
from secousti.hub.resolve import resolve
from secousti.voice import dequantize, quantize


def embed(encoder: VoiceEncoder, audio: Tensor, rate: int) -> np.ndarray:
    return encoder.embed_utterance(preprocess_wav(audio.flatten().numpy(), source_sr=rate))


def compare(model: str, paths: list[Path], code: VoiceCode) -> np.ndarray:
    """Cosines [recordings, 2] with the recording: 8 bits a number, the code."""
    codec, encoder = load_codec(model), VoiceEncoder("cpu", verbose=False)
    rows = []
    for path in paths:
        encoded = codec.encode(str(path))
        assert encoded.paralinguistic is not None
        plain = quantize(encoded.paralinguistic[0]).numpy()
        short = code.decode(code.encode(plain))
        original = encoder.embed_utterance(preprocess_wav(path))
        row = []
        for codes in (plain, short):
            voice = dequantize(torch.from_numpy(codes))[None]
            audio = codec.decode(replace(encoded, paralinguistic=voice))
            row.append(float(original @ embed(encoder, audio[0, 0], codec.sample_rate)))
        rows.append(row)
    return np.array(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("manifest", type=Path)
    parser.add_argument("root", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lines = arguments.manifest.read_text(encoding="utf-8").splitlines()
    paths = [arguments.root / json.loads(line)["audio"] for line in lines]
    step = max(1, len(paths) // arguments.limit)
    coder = load_coder(resolve(arguments.model) / CODER_NAME)
    assert coder.voice is not None
    found = compare(arguments.model, paths[::step][: arguments.limit], coder.voice)
    difference = found[:, 1] - found[:, 0]
    interval = 1.96 * difference.std(ddof=1) / len(difference) ** 0.5
    print(f"{len(found)} recordings, cosine with the recording:")
    print(f"  {8 * coder.voice.size} bits {found[:, 0].mean():.4f}")
    print(f"  {8 * 24} bits {found[:, 1].mean():.4f}")
    print(f"  difference {difference.mean():+.4f} +- {interval:.4f}")


if __name__ == "__main__":
    main()
