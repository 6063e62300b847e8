"""Turn what a run trained into a model in half precision, with its card.

    python -m train.pack runs/mini-21hz/checkpoints/last/codec runs/vocoder-mini/vocoder \
        -o secousti/hub/bundled/mini-21hz --about configs/cards/mini-21hz.md
    python -m train.pack runs/p2psyn_mini/pseudo/best \
        -o secousti/hub/bundled/p2psyn-mini-16k --about configs/cards/p2psyn-mini-16k.md

    python -m train.pack runs/vocoder/mini/vocoder -o secousti/hub/bundled/vocoders/two-frames
    python -m train.pack runs/mini-21hz/checkpoints/last/codec two-frames \
        -o secousti/hub/bundled/mini-21hz

A SecoustiCodec is joined with a vocoder that was trained apart or that another codec has; a
P2PSynCodec has none. Named by the name of a bundled vocoder, the codec shares it: the weights are
stored once (``secousti.hub.shared``). A vocoder's own folder is packed as it is.

Writes config.json, model.safetensors (float16: these weights are the model from then on, tokens
are what they say) and README.md, the model card: what the model is, ``results.json`` if the folder
has one, and what ``--about`` says of its training and use. ``--report`` makes ``results.json``
from the report folder of a ``secousti eval`` of the packed model, ``--made-by`` being its command;
the rest comes out as it was.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch

from secousti.atomic import replacing
from secousti.base import Codec
from secousti.errors import SecoustiError
from secousti.hub.card import RESULTS_NAME, model_card
from secousti.hub.resolve import load_codec
from secousti.hub.shared import share_vocoder, shared_vocoders
from secousti.vocoder.files import load_vocoder, save_vocoder
from train.codec.warm_start import holds_vocoder, speaking


def pack(codec_folder: Path, vocoder_name: str | None, output: Path, name: str) -> Codec:
    """The codec of a folder, speaking through another's vocoder, saved to ``output``.

    Raises:
        SecoustiError: the two were made for different mel frames, a vocoder is missing or of no
            use, or float16 cannot hold the weights.
    """
    codec = load_codec(codec_folder)
    if codec.speaks_mel:
        codec = speaking(codec, codec_folder, vocoder_name)  # type: ignore[arg-type]
    elif vocoder_name is not None:
        raise SecoustiError(
            f"{codec_folder} holds a {type(codec).__name__}, which needs no vocoder"
        )
    codec.model_id = name
    codec.save_pretrained(output, dtype=torch.float16)
    if vocoder_name in shared_vocoders():
        share_vocoder(output, vocoder_name)
    return load_codec(output)


def pack_vocoder(folder: Path, output: Path) -> None:
    """The vocoder of a folder, in half precision.

    Raises:
        SecoustiError: float16 cannot hold its weights.
    """
    vocoder, config = load_vocoder(folder)
    half = vocoder.half()
    if not all(bool(tensor.isfinite().all()) for tensor in half.state_dict().values()):
        raise SecoustiError(f"the weights of {folder} are not finite in half precision")
    save_vocoder(half, config, output)


def results(report: Path, name: str) -> dict[str, Any]:
    """What ``results.json`` says: the rows of the model ``name`` in a report of ``secousti eval``.

    A row of the model with options (``p2psyn-mini-16k-plain``) is a set of its own.

    Raises:
        SecoustiError: no report, or none of this model.
    """
    path = report / "report.json"
    if not path.is_file():
        raise SecoustiError(f"there is no {path}: make it with secousti eval SUITE -o {report}")
    document = json.loads(path.read_text(encoding="utf-8"))
    data = f"{document['utterances']} recordings of {document['speakers']} speakers"
    rows = {row["info"]["name"]: row for row in document["codecs"]}
    sets = {
        data + (f" ({row_name})" if row_name != name else ""): _figures(row, document["columns"])
        for row_name, row in rows.items()
        if row_name == name or row_name.startswith(f"{name}-")
    }
    if not sets:
        raise SecoustiError(f"{path} has no row of {name!r}; it has {', '.join(rows)}")
    return {"results": sets}


def _figures(row: dict[str, Any], columns: list[dict[str, str]]) -> dict[str, float]:
    """Means of the metrics and statistics of the tokens, to four digits."""
    figures = {}
    for column in columns:
        unit = f" ({column['unit']})" if column["unit"] else ""
        mean = row["estimates"].get(column["name"], {}).get("mean")
        if mean is not None:
            figures[f"{column['label']}{unit}"] = mean
    for tokens in row["tokens"]:
        figures[f"utilisation, {tokens['tokens']:,} tokens (%)"] = 100 * tokens["utilisation"]
        figures["perplexity"] = tokens["perplexity"]
    return {label: float(f"{value:.4g}") for label, value in figures.items()}


def write_card(codec: Codec, folder: Path, about: Path | None) -> None:
    """README.md of a packed model."""
    text = model_card(codec, folder / RESULTS_NAME)
    if about is not None:
        text += "\n" + about.read_text(encoding="utf-8")
    (folder / "README.md").write_text(text, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("codec", type=Path, help="a codec's folder, or a vocoder's")
    parser.add_argument(
        "vocoder",
        nargs="?",
        help="a bundled vocoder to share, a vocoder's folder, or a codec to take it from",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, help="the model's folder")
    parser.add_argument("--name", help="the model's name; the output folder's if not given")
    parser.add_argument("--about", type=Path, help="Markdown that ends the model card")
    parser.add_argument("--report", type=Path, help="a report of the model, for its results.json")
    parser.add_argument("--made-by", help="the command that made the report, which the card names")
    args = parser.parse_args()
    try:
        _run(args)
    except SecoustiError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


def _run(args: argparse.Namespace) -> None:
    if holds_vocoder(args.codec):
        pack_vocoder(args.codec, args.output)
        print(f"{args.output.name}: {_megabytes(args.output)}")
        return
    packed = pack(args.codec, args.vocoder, args.output, args.name or args.output.name)
    if args.report is not None:
        document = {"command": args.made_by} if args.made_by else {}
        document |= results(args.report, packed.model_id)
        text = json.dumps(document, indent=2, ensure_ascii=False)
        with replacing(args.output / RESULTS_NAME) as path:
            path.write_text(text + "\n", encoding="utf-8")
    write_card(packed, args.output, args.about)
    print(f"{packed.model_id}: {_megabytes(args.output)}, weight hash {packed.weight_hash}")


def _megabytes(folder: Path) -> str:
    return f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f} MB"


if __name__ == "__main__":
    main()
