"""Join a trained codec and a trained vocoder into one model in half precision.

    python -m train.pack runs/mini-21hz/checkpoints/last/codec runs/vocoder-mini/vocoder \
        -o secousti/hub/bundled/mini-21hz --about configs/cards/mini-21hz.md

Writes config.json, model.safetensors (float16) and README.md, the model card: what the model is,
``results.json`` if the folder has one, and what ``--about`` says of its training and use.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.hub.card import RESULTS_NAME, model_card
from secousti.hub.weights import load_strictly
from secousti.vocoder.files import load_vocoder


def pack(codec_folder: Path, vocoder_folder: Path, output: Path, name: str) -> SecoustiCodec:
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
    whole.model_id = name
    whole.save_pretrained(output, dtype=torch.float16)
    return SecoustiCodec.from_pretrained(output)


def write_card(codec: SecoustiCodec, folder: Path, about: Path | None) -> None:
    """README.md of a packed model."""
    text = model_card(codec, folder / RESULTS_NAME)
    if about is not None:
        text += "\n" + about.read_text(encoding="utf-8")
    (folder / "README.md").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("codec", type=Path, help="a codec's folder")
    parser.add_argument("vocoder", type=Path, help="a vocoder's folder")
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model's folder")
    parser.add_argument("--name", help="the model's name; the output folder's if not given")
    parser.add_argument("--about", type=Path, help="Markdown that ends the model card")
    args = parser.parse_args()
    packed = pack(args.codec, args.vocoder, args.output, args.name or args.output.name)
    write_card(packed, args.output, args.about)
    size = (args.output / "model.safetensors").stat().st_size
    print(f"{packed.model_id}: {size / 1e6:.1f} MB, weight hash {packed.weight_hash}")


if __name__ == "__main__":
    main()
