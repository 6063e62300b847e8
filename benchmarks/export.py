"""Exported graphs on real speech: ids, log-mel, audio, speed and size beside PyTorch's stream.

    python -m benchmarks.export [--model mini-21hz] [--items 20] [--markdown docs/tables/export.md]

Every recording is one stream, token by token, batch 1, one thread. The reference is PyTorch's
StreamEncoder and StreamDecoder with the recording's own voice. Decoders and vocoders are given
the reference's ids, so that a changed id is counted once. Recordings are those of
SECOUSTI_SPEECH (or corpora/mini), spread evenly over valid.jsonl.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.id_stability import recordings
from benchmarks.measure import markdown, publish
from secousti import SecoustiCodec, StreamDecoder, StreamEncoder
from secousti.export import export
from secousti.export.graphs import step_graphs
from secousti.export.runtime import Step, open_steps

VARIANTS = {
    "ONNX": ("onnx", False, False),
    "ONNX, int8": ("onnx", True, True),
    "ONNX, 8-bit weights": ("onnx", True, False),  # as in the page
    "torch.export": ("torch", False, False),
    "torch.export, int8": ("torch", True, False),
}


@dataclass
class Reference:
    """What PyTorch's streams make of one recording."""

    wav: Tensor
    codes: Tensor  # int64 [1, 1, L]
    voice: Tensor
    mel: np.ndarray  # [n_mels, T]
    audio: np.ndarray  # [N]


def reference(codec: SecoustiCodec, wav: Tensor) -> tuple[Reference, float]:
    """The reference, and the processor seconds of its streams, token by token."""
    wav = wav[: len(wav) // codec.frame_size * codec.frame_size]
    encoded = codec.encode(wav[None], codec.sample_rate)
    assert encoded.paralinguistic is not None
    start = time.process_time()
    encoder, decoder = StreamEncoder(codec), StreamDecoder(codec, encoded.paralinguistic)
    codes, audio = [], []
    for chunk in wav.split(codec.frame_size):
        codes.append(encoder.push(chunk))
        audio.append(decoder.push(codes[-1]))
    audio.append(decoder.flush())
    seconds = time.process_time() - start
    mel = codec.decode_mel(encoded)[0].numpy()
    heard = torch.cat(audio, dim=-1)[0, 0, : len(wav)].numpy()
    ids = torch.cat(codes, dim=-1)
    return Reference(wav, ids, encoded.paralinguistic, mel, heard), seconds


@dataclass
class Found:
    """Sums over recordings."""

    changed: int = 0
    tokens: int = 0
    mel_sum: float = 0.0
    mel_most: float = 0.0
    audio_most: float = 0.0
    seconds: float = 0.0


def compare(codec: SecoustiCodec, steps: dict[str, Step], ref: Reference, found: Found) -> None:
    """One recording through exported graphs."""
    for step in steps.values():
        step.reset(1)
    voice = ref.voice.numpy()
    mels, heard = [], []
    start = time.process_time()
    for i, chunk in enumerate(ref.wav.split(codec.frame_size)):
        codes = ref.codes[..., i : i + 1].numpy()
        found.changed += int((steps["encoder"](chunk[None].numpy()) != codes).sum())
        mels.append(steps["decoder"](codes, voice))
        heard.append(steps["vocoder"](mels[-1])[0, 0])
    found.seconds += time.process_time() - start
    assert codec.vocoder is not None
    silence = np.full_like(mels[0], codec.vocoder.silence)
    for _ in range(-(-codec.vocoder.delay // codec.frame_size)):
        heard.append(steps["vocoder"](silence)[0, 0])
    gap = np.abs(np.concatenate(mels, axis=-1)[0] - ref.mel)
    audio = np.concatenate(heard)[codec.vocoder.delay :][: len(ref.audio)]
    found.tokens += ref.codes.numel()
    found.mel_sum += float(gap.mean()) * ref.codes.numel()
    found.mel_most = max(found.mel_most, float(gap.max()))
    found.audio_most = max(found.audio_most, float(np.abs(audio - ref.audio).max()))


def row(name: str, found: Found, duration: float, size: int) -> list[str]:
    """One line of the table."""
    return [
        name,
        f"{size / 1e6:.1f}",
        f"{found.changed} of {found.tokens} ({100 * found.changed / found.tokens:.2f} %)",
        f"{found.mel_sum / found.tokens:.1e}",
        f"{found.mel_most:.1e}",
        f"{found.audio_most:.1e}",
        f"{found.seconds / duration:.3f}",
    ]


def table(codec: SecoustiCodec, items: int) -> str:
    """The Markdown table."""
    made = [reference(codec, wav) for wav in recordings(items, codec.sample_rate)]
    references = [ref for ref, _ in made]
    duration = sum(len(ref.wav) for ref in references) / codec.sample_rate
    spent = sum(seconds for _, seconds in made)
    rows = [["PyTorch's stream", "", "", "", "", "", f"{spent / duration:.3f}"]]
    for name, (kind, int8, integers) in VARIANTS.items():
        with tempfile.TemporaryDirectory() as folder:
            done = export(
                codec,
                folder,
                format=kind,  # type: ignore[arg-type]
                int8=int8,
                integer_products=integers,
            )
            size = sum(path.stat().st_size for path in done.files)
            steps = open_steps(Path(folder), step_graphs(_as_exported(codec, int8), False), kind)
            found = Found()
            for ref in references:
                compare(codec, steps, ref, found)
        rows.append(row(name, found, duration, size))
        print(*rows[-1], sep="\t", flush=True)
    header = [
        "graphs",
        "MB",
        "ids changed",
        "log-mel, mean",
        "log-mel, most",
        "audio, most",
        "CPU s a second",
    ]
    note = f"{codec.model_id}: {len(references)} recordings, {duration / 60:.1f} minutes."
    return f"{note}\n\n{markdown(header, rows)}"


def _as_exported(codec: SecoustiCodec, int8: bool) -> SecoustiCodec:
    """With the precision of the graphs' state."""
    import copy

    return copy.deepcopy(codec).float() if int8 else codec


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", default="mini-21hz")
    parser.add_argument("--items", type=int, default=20)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    text = table(SecoustiCodec.from_pretrained(args.model).eval(), args.items)
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
