"""Where a codec loses quality: PESQ-WB and STOI of its vocoder alone, of A, and of its tokens.

    python benchmarks/ceilings.py ../shared/speech/valid.jsonl [--model mini-21hz]

16 recordings of more than 2.5 s, evenly spread over the manifest; needs the extra [train].
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from measure import markdown
from pesq import pesq
from pystoi import stoi
from torch import Tensor

from secousti import SecoustiCodec
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler

TO_16K = SincResampler(22050, 16000)
RECORDINGS = 16


def recordings(manifest: Path) -> list[Path]:
    """The recordings that are scored."""
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    step = max(1, len(rows) // 24)
    rows = [row for row in rows if row["duration"] > 2.5]
    return [manifest.parent / row["audio"] for row in rows[::step][:RECORDINGS]]


@torch.no_grad()
def paths(codec: SecoustiCodec, wav: Tensor) -> dict[str, Tensor]:
    """Sound [N] of each path for a recording [N] at the codec's rate."""
    assert codec.vocoder is not None
    mel = codec.mel(wav[None], codec.frames_per_token)
    from_acoustic = codec.decode_acoustic(codec.acoustic(wav))
    return {
        "mel -> vocoder": codec.vocoder(mel)[0][0, 0],
        "A -> mel -> vocoder": codec.vocoder(from_acoustic)[0][0, 0],
        "tokens": codec.decode(codec.encode(wav))[0, 0],
    }


def score(reference: Tensor, heard: Tensor) -> tuple[float, float]:
    """PESQ-WB and STOI at 16 kHz."""
    a, b = TO_16K(reference).numpy(), TO_16K(heard[: len(reference)]).numpy()
    b = np.pad(b, (0, len(a) - len(b)))
    return pesq(16000, a, b, "wb"), stoi(a, b, 16000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", default="mini-21hz")
    args = parser.parse_args()
    torch.set_num_threads(1)
    codec = SecoustiCodec.from_pretrained(args.model)
    scores: dict[str, list[tuple[float, float]]] = {}
    for path in recordings(args.manifest):
        wav, rate = load_audio(path)
        wav = SincResampler(rate, codec.sample_rate)(wav)
        for name, heard in paths(codec, wav).items():
            scores.setdefault(name, []).append(score(wav, heard))
    rows = [[name, *(f"{x:.3f}" for x in np.mean(s, axis=0))] for name, s in scores.items()]
    print(markdown(["path", "PESQ-WB", "STOI"], rows))


if __name__ == "__main__":
    main()
