"""Where a codec loses quality: its vocoder alone, A, and its tokens, on 16 recordings.

    python -m benchmarks.ceilings corpora/mini/valid.jsonl --model mini-21hz [--model RUN/codec]

PESQ-WB, STOI and DNSMOS (overall, and of the signal) on 16 recordings of more than 2.5 s, evenly
spread over the manifest. ``--vocoder`` speaks through the vocoder of another folder or model, which
a codec fresh from training needs; ``--tokens`` leaves the first two paths out. Needs the extras
[train] and [eval].
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from pesq import pesq
from pystoi import stoi
from speechmos import dnsmos
from torch import Tensor

from benchmarks.measure import markdown
from secousti import SecoustiCodec
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler
from train.codec.warm_start import borrow_vocoder

RECORDINGS = 16
COLUMNS = ("PESQ-WB", "STOI", "DNSMOS", "DNSMOS SIG")


def recordings(manifest: Path) -> list[Path]:
    """The recordings that are scored."""
    rows = [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]
    step = max(1, len(rows) // 24)
    rows = [row for row in rows if row["duration"] > 2.5]
    return [manifest.parent / row["audio"] for row in rows[::step][:RECORDINGS]]


@torch.no_grad()
def paths(codec: SecoustiCodec, wav: Tensor, tokens_only: bool) -> Iterator[tuple[str, Tensor]]:
    """Name and sound [N] of each path for a recording [N] at the codec's rate."""
    assert codec.vocoder is not None
    if not tokens_only:
        mel = codec.mel(wav[None], codec.frames_per_token)
        yield "mel -> vocoder", codec.vocoder(mel)[0][0, 0]
        from_acoustic = codec.decode_acoustic(codec.acoustic(wav, codec.sample_rate))
        yield "A -> mel -> vocoder", codec.vocoder(from_acoustic)[0][0, 0]
    yield "tokens", codec.decode(codec.encode(wav, codec.sample_rate))[0, 0]


def score(reference: Tensor, heard: Tensor, rate: int) -> list[float]:
    """What ``COLUMNS`` names, at 16 kHz."""
    to_16k = SincResampler(rate, 16000)
    a, b = to_16k(reference).numpy(), to_16k(heard[: len(reference)]).numpy()
    b = np.pad(b, (0, len(a) - len(b)))
    opinion = dnsmos.run(b.clip(-1, 1), 16000)
    return [pesq(16000, a, b, "wb"), stoi(a, b, 16000), opinion["ovrl_mos"], opinion["sig_mos"]]


def speaking(model: str, vocoder: str | None) -> SecoustiCodec:
    """The codec, with another's vocoder if one is named."""
    codec = SecoustiCodec.from_pretrained(model).eval()
    if vocoder is not None:
        codec.vocoder = borrow_vocoder(vocoder, codec.config.mel, torch.device("cpu"))
    return codec


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", action="append", required=True, help="may be repeated")
    parser.add_argument("--vocoder", help="a folder or a model")
    parser.add_argument("--tokens", action="store_true", help="of the tokens' path only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for model in args.model:
        codec = speaking(model, args.vocoder)
        scores: dict[str, list[list[float]]] = {}
        for path in recordings(args.manifest):
            wav, rate = load_audio(path)
            wav = SincResampler(rate, codec.sample_rate)(wav)
            for name, heard in paths(codec, wav, args.tokens):
                scores.setdefault(name, []).append(score(wav, heard, codec.sample_rate))
        rows += [
            [model, name, *(f"{x:.3f}" for x in np.mean(s, axis=0))] for name, s in scores.items()
        ]
    print(markdown(["model", "path", *COLUMNS], rows))


if __name__ == "__main__":
    main()
