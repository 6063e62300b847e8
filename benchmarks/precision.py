"""What lower precision of the weights changes: ids, mels and sound, against the codec as loaded.

    python -m benchmarks.precision corpora/mini/valid.jsonl [--recordings 12] [--full-size 2]

The bundled model on validation recordings, and the full-size configurations with random weights
(spread so that their tokens vary and their transformers count) on the first of them. The
mel error is of the same tokens. Needs ``pesq`` and ``pystoi`` (extra: train).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.id_stability import standardise
from benchmarks.loss import recordings
from benchmarks.measure import markdown
from benchmarks.realtime import PRECISIONS, full_size
from secousti import SecoustiCodec
from secousti.acoustic.transformer import LayerScale
from train.engine.sound import perceptual

Found = list[tuple[Tensor, Tensor]]  # wav [N] and the log-mel decoded from its own tokens


@torch.no_grad()
def spread(codec: SecoustiCodec, wav: Tensor) -> SecoustiCodec:
    """Random weights that behave: layers count, and every digit of the tokens varies."""
    for module in codec.modules():
        if isinstance(module, LayerScale):
            torch.nn.init.constant_(module.scale, 0.1)
    z, _ = codec.encoder(codec.mel(wav[None], codec.frames_per_token))
    standardise(codec, codec.semantic_projection(z)[0][0].T)
    return codec


def rows(name: str, codec: SecoustiCodec, wavs: list[Tensor], speak: bool) -> list[list[str]]:
    """One row per precision; the first is the codec as loaded."""
    plain = [codec.encode(wav[None], codec.sample_rate) for wav in wavs]
    mels = [codec.decode_mel(encoded) for encoded in plain]
    table = []
    for precision in ("as loaded", *PRECISIONS):
        made = codec if precision == "as loaded" else codec.for_streaming(precision)  # type: ignore[arg-type]
        same, errors, scores = [], [], []
        for wav, encoded, mel in zip(wavs, plain, mels, strict=True):
            again = made.encode(wav[None], made.sample_rate)
            same.append((again.codes == encoded.codes).flatten())
            errors.append(F.l1_loss(made.decode_mel(encoded), mel).item())
            if speak:
                scores.append(
                    perceptual(wav.numpy(), made.decode(again)[0, 0].numpy(), codec.sample_rate)
                )
        unchanged = torch.cat(same)
        row = [name, precision, f"{100 * unchanged.float().mean():.2f} % of {len(unchanged)}"]
        row.append(f"{sum(errors) / len(errors):.5f}")
        means = [sum(column) / len(column) for column in zip(*scores, strict=True)]
        table.append([*row, *(f"{mean:.3f}" for mean in means), *["-"] * (2 - len(means))])
        print(table[-1], flush=True)
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--recordings", type=int, default=12)
    parser.add_argument("--full-size", type=int, default=2, help="recordings for the large ones")
    args = parser.parse_args()
    torch.set_num_threads(1)
    mini = SecoustiCodec.from_pretrained("mini-21hz")
    wavs = [found.wav for found in recordings(mini, args.manifest, args.recordings)]
    table = rows("mini-21hz", mini, wavs, speak=True)
    for name in ("secousti_21hz", "secousti_86hz"):
        codec = spread(full_size(name, hift=False), torch.cat(wavs))
        table += rows(f"{name}, random", codec, wavs[: args.full_size], speak=False)
    header = ["model", "weights", "ids unchanged", "log-mel L1, nats", "PESQ-WB", "STOI"]
    print(markdown(header, table))


if __name__ == "__main__":
    main()
