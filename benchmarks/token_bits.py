"""Bits a token takes in each recording's own file, packed, adaptive and learned.

python -m benchmarks.token_bits mini-21hz ROOT MANIFEST.jsonl ...
"""

from __future__ import annotations

import argparse
import io
import json
from collections import Counter
from pathlib import Path

import torch

from secousti import load_codec
from secousti.base import Codec
from secousti.container.encoded import codec_header, write_encoded


def count(codec: Codec, manifest: Path, root: Path) -> Counter[str]:
    """Bits by the way to store them, and ``tokens``."""
    ways = ["packed", "adaptive"]
    if codec.coder is not None and codec.coder.network is not None:
        ways.append("learned")
    total: Counter[str] = Counter()
    for line in manifest.read_text(encoding="utf-8").splitlines():
        encoded = codec.encode(str(root / json.loads(line)["audio"]))
        total["tokens"] += encoded.codes.numel()
        for way in ways:
            header = codec_header(codec, payload=way)
            total[way] += write_encoded(io.BytesIO(), encoded, header, coder=codec.coder).tokens
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("root", type=Path)
    parser.add_argument("manifests", type=Path, nargs="+")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    codec, total = load_codec(arguments.model), Counter[str]()
    for manifest in arguments.manifests:
        found = count(codec, manifest, arguments.root)
        show(manifest.name, found)
        total += found
    show("all", total)


def show(name: str, found: Counter[str]) -> None:
    ways = [f"{way} {bits / found['tokens']:.3f}" for way, bits in found.items() if way != "tokens"]
    print(f"{name}: {found['tokens']} tokens, bits each: {', '.join(ways)}", flush=True)


if __name__ == "__main__":
    main()
