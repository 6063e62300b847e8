"""Join a trained codec and a trained vocoder into one model in half precision.

    python -m train.pack runs/mini-21hz/checkpoints/last/codec runs/vocoder-mini/vocoder \
        -o secousti/hub/bundled/mini-21hz

Writes config.json, model.safetensors (float16) and README.md, the model card.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.hub.card import model_card
from secousti.hub.weights import load_strictly
from secousti.vocoder.files import load_vocoder


def pack(codec_folder: Path, vocoder_folder: Path, output: Path, name: str | None) -> SecoustiCodec:
    """The codec of one folder speaking through the vocoder of the other, saved to ``output``.

    Raises:
        SecoustiError: the two were made for different mel frames.
    """
    codec = SecoustiCodec.from_pretrained(codec_folder)
    vocoder, config = load_vocoder(vocoder_folder)
    if to_dict(vocoder.mel) != to_dict(codec.config.mel):
        raise SecoustiError(f"{codec_folder} and {vocoder_folder} use different mel frames")
    whole = SecoustiCodec(replace(codec.config, vocoder=config))
    tensors = {k: v for k, v in codec.state_dict().items() if not k.startswith("vocoder.")}
    tensors |= {f"vocoder.{k}": v for k, v in vocoder.state_dict().items()}
    load_strictly(whole, tensors, str(output))
    whole.model_id = name or output.name
    whole.save_pretrained(output, dtype=torch.float16)
    packed = SecoustiCodec.from_pretrained(output)
    (output / "README.md").write_text(model_card(packed), encoding="utf-8")
    return packed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("codec", type=Path, help="a codec's folder")
    parser.add_argument("vocoder", type=Path, help="a vocoder's folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model's folder")
    parser.add_argument("--name", help="the model's name; the output folder's if not given")
    args = parser.parse_args()
    packed = pack(args.codec, args.vocoder, args.output, args.name)
    size = (args.output / "model.safetensors").stat().st_size
    print(f"{packed.model_id}: {size / 1e6:.1f} MB, weight hash {packed.weight_hash}")


if __name__ == "__main__":
    main()
