"""The share of token ids that change with how they are computed, on real recordings.

    python -m benchmarks.id_stability --model mini-21hz --markdown docs/tables/id_stability.md

The reference is ``codec.encode`` of each recording alone: float32, CPU, one thread. Recordings
are those of the folder SECOUSTI_SPEECH (or corpora/mini), spread evenly over valid.jsonl.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.measure import markdown, publish
from secousti import SecoustiCodec
from secousti.audio.io import load_audio
from secousti.audio.resample import SincResampler
from secousti.config import load_codec_config
from secousti.extraction.tokenizer import Tokenizer
from secousti.hub.resolve import load_codec
from secousti.sessions.encoder import StreamEncoder

Ids = list[list[int]]
ROOT = Path(__file__).parents[1]


def recordings(count: int, rate: int) -> list[Tensor]:
    """Every n-th recording of the validation list, at ``rate`` Hz."""
    root = Path(os.environ.get("SECOUSTI_SPEECH", ROOT / "corpora" / "mini"))
    lines = (root / "valid.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line)["audio"] for line in lines[:: max(1, len(lines) // count)]][:count]
    loaded = [load_audio(root / row) for row in rows]
    return [SincResampler(own, rate)(wav) for wav, own in loaded]


def alone(codec: SecoustiCodec, audio: Sequence[Tensor]) -> Ids:
    """The reference: one recording at a time."""
    return [codec.encode(wav, codec.sample_rate).codes[0, 0].tolist() for wav in audio]


def batched(codec: SecoustiCodec, audio: Sequence[Tensor], seconds: float) -> Ids:
    """As ``secousti extract`` does it."""
    found = dict(Tokenizer(codec, seconds)(audio))
    return [found[i].codes.tolist() for i in range(len(audio))]


def padded(codec: SecoustiCodec, audio: Sequence[Tensor]) -> Ids:
    """Each alone, with a second and a half of loud noise in its padding."""
    noise = torch.rand(33_075) - 0.5
    encoded = [
        codec.encode(torch.cat([wav, noise])[None], codec.sample_rate, lengths=[len(wav)])
        for wav in audio
    ]
    return [e[0].codes[0, 0].tolist() for e in encoded]


def chunked(codec: SecoustiCodec, audio: Sequence[Tensor], samples: int) -> Ids:
    """Live, in chunks of so many samples."""
    ids = []
    for wav in audio:
        stream = StreamEncoder(codec)
        pieces = [stream.push(chunk) for chunk in wav.split(samples)]
        ids.append(torch.cat([*pieces, stream.flush()], dim=-1)[0, 0].tolist())
    return ids


def threaded(codec: SecoustiCodec, audio: Sequence[Tensor], threads: int) -> Ids:
    """Each alone, on several threads."""
    torch.set_num_threads(threads)
    try:
        return alone(codec, audio)
    finally:
        torch.set_num_threads(1)


def int8(codec: SecoustiCodec) -> SecoustiCodec:
    """A copy whose transformers have 8-bit weights (symmetric, one scale a row), computed in
    float32: what weight-only quantization costs, whoever runs it."""
    small = copy.deepcopy(codec)
    for name, module in small.named_modules():
        if isinstance(module, nn.Linear) and ".layers." in name:
            scale = module.weight.abs().amax(dim=1, keepdim=True) / 127
            module.weight.data = torch.round(module.weight / scale) * scale
    return small


def changed(ids: Ids, reference: Ids) -> tuple[int, int]:
    """(ids that differ, all ids)."""
    pairs = list(zip(ids, reference, strict=True))
    different = sum(x != y for a, b in pairs for x, y in zip(a, b, strict=True))
    return different, sum(len(b) for _, b in pairs)


def variants(codec: SecoustiCodec, audio: list[Tensor]) -> dict[str, Callable[[], Ids]]:
    """Everything the table compares, by the name of its row."""
    rows: dict[str, Callable[[], Ids]] = {
        "batches of 20 s": lambda: batched(codec, audio, 20),
        "batches of 60 s": lambda: batched(codec, audio, 60),
        "batches of 300 s": lambda: batched(codec, audio, 300),
        "noise in the padding": lambda: padded(codec, audio),
        "chunks of 160 samples": lambda: chunked(codec, audio, 160),
        "chunks of 4096 samples": lambda: chunked(codec, audio, 4096),
        "2 threads": lambda: threaded(codec, audio, 2),
        "bfloat16, alone": lambda: alone(copy.deepcopy(codec).bfloat16(), audio),
        "int8 weights, alone": lambda: alone(int8(codec), audio),
    }
    if torch.cuda.is_available():
        rows["GPU, float32, batches of 60 s"] = lambda: batched(
            copy.deepcopy(codec).cuda(), audio, 60
        )
        rows["GPU, bfloat16, batches of 60 s"] = lambda: batched(
            copy.deepcopy(codec).cuda().bfloat16(), audio, 60
        )
    return rows


def table(codec: SecoustiCodec, count: int) -> str:
    """The Markdown table for one codec."""
    audio = recordings(count, codec.sample_rate)
    reference = alone(codec, audio)
    rows = []
    for name, compute in variants(codec, audio).items():
        different, total = changed(compute(), reference)
        rows.append([name, f"{different} of {total}", f"{100 * different / total:.3f} %"])
        print(*rows[-1], sep="\t", flush=True)
    used = len({token for row in reference for token in row})
    note = f"{codec.model_id}: {len(audio)} recordings, {used} different ids in the reference."
    return f"{note}\n\n{markdown(['computed otherwise', 'ids changed', 'share'], rows)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="mini-21hz", help="a model, or a YAML of random weights")
    parser.add_argument("--items", type=int, default=40)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if args.model.endswith(".yaml"):
        codec = spread(SecoustiCodec(load_codec_config(args.model)), args.items)
        codec.model_id = f"{Path(args.model).stem} (random weights)"
    else:
        codec = load_codec(args.model)  # type: ignore[assignment]
    text = table(codec.eval(), args.items)
    publish(text, args.markdown)


@torch.no_grad()
def spread(codec: SecoustiCodec, count: int) -> SecoustiCodec:
    """Random weights give one id to all speech: centre and widen what the quantizer sees."""
    for name, parameter in codec.named_parameters():
        if name.endswith(("scale1.scale", "scale2.scale")):
            parameter.fill_(0.5)
    codec.eval()
    from secousti.audio.batch import as_batch

    audio = recordings(count, codec.sample_rate)[:4]
    mel, frames = codec.log_mel(as_batch(audio, codec.sample_rate, codec.sample_rate))
    mu, _ = codec.semantic_projection(codec.encoder(mel, None, frames)[0])
    standardise(codec, mu.transpose(1, 2).flatten(0, 1))
    return codec


@torch.no_grad()
def standardise(codec: SecoustiCodec, latents: Tensor) -> None:
    """Let what the quantizer makes of latents [N, D] have mean 0 and deviation 1."""
    project = codec.quantizer.project_in
    assert isinstance(project, torch.nn.Linear)
    y = project(latents)
    project.weight.div_(y.std(0)[:, None])
    project.bias.copy_((project.bias - y.mean(0)) / y.std(0))


if __name__ == "__main__":
    main()
