"""Decode the corpora of a training file into its cache, before a run and on all cores.

    python -m train.pack_data CONFIG [key=value ...] [--workers N]

A run does the same when it starts; done before, no GPU waits for it. It can be interrupted at any
moment and repeated: only what the cache lacks is decoded.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from secousti.config import CodecConfig, MelConfig, from_dict
from secousti.errors import SecoustiError
from secousti.p2psyn.config import P2PSynConfig
from train.data.corpus import open_corpus
from train.data.packed import PackedCorpus
from train.engine.command import Changes, ConfigFile, Set, make_app, one_sentence
from train.engine.settings import read_document

app = make_app()


def pack_corpora(
    config: Path, changes: tuple[str, ...], workers: int | None = None
) -> dict[str, PackedCorpus]:
    """The training and validation corpora that a file of any training names, packed.

    Raises:
        SecoustiError: a file that names none, or what ``open_corpus`` raises.
    """
    document = read_document(config, changes)
    data = document.get("training", document).get("data")
    if not isinstance(data, Mapping) or not data.get("train"):
        raise SecoustiError(f"{config} names no data to train on (training.data.train)")
    rate, cache = sample_rate(document, str(config)), data.get("cache", "cache")
    return {
        split: open_corpus(tuple(data[split]), split, data.get("root", "."), rate, cache, workers)
        for split in ("train", "valid")
        if data.get(split)
    }


def sample_rate(document: Mapping[str, Any], where: str) -> int:
    """Hz, of a training file's model."""
    if "training" not in document:
        return from_dict(P2PSynConfig, document.get("codec", {}), where=where).sample_rate
    if "codec" in document:
        return from_dict(CodecConfig, document["codec"], where=where).mel.sample_rate
    return from_dict(MelConfig, document.get("mel", {}), where=where).sample_rate


@app.command()
def main(
    config: ConfigFile,
    changes: Changes = None,
    set: Set = None,
    workers: Annotated[int | None, typer.Option(min=1, help="threads; all cores if unset")] = None,
) -> None:
    """Pack the corpora of CONFIG into its cache."""
    with one_sentence():
        packed = pack_corpora(config, (*(changes or ()), *(set or ())), workers)
        for split, corpus in packed.items():
            hours = corpus.seconds() / 3600
            print(f"{split}: {len(corpus)} recordings, {hours:.2f} h at {corpus.sample_rate} Hz")
            for name, reason in corpus.faults:
                print(f"  left out: {name} {reason}")


if __name__ == "__main__":
    app()
