"""Extracted tokens as codec-bpe reads them: one .npy a recording, and codec_info.json.

    python -m secousti.integrations.codec_bpe tokens -o codes
    python -m codec_bpe.train_tokenizer --codes_path codes --chunk_size_secs 30 --vocab_size 30000

``codes/ID_c0.npy`` holds int64 [1, K, L] (channel 0, the whole recording), as that package's own
``audio_to_codes`` writes them (version 1.4.1).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

import numpy as np
import typer

from secousti.atomic import replacing, write_json
from secousti.errors import SecoustiError
from secousti.integrations.command import run

INFO = "codec_info.json"


@dataclass
class Written:
    """How many recordings became files, and the ids that can be no file's name."""

    recordings: int = 0
    tokens: int = 0
    left_out: list[str] = field(default_factory=list)


def write_codes(tokens: str | Path, output: str | Path) -> Written:
    """What ``secousti extract`` made, as a folder for codec-bpe; ``codec_info.json`` comes last.

    Raises:
        SecoustiError: no finished extraction, or ``output`` holds something already.
    """
    from secousti.extraction.dataset import TokenDataset

    dataset, folder = TokenDataset(tokens), Path(output)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SecoustiError(f"{folder} is not empty: name a new folder")
    done = Written()
    for row in dataset:
        path = _file(folder, row["id"])
        if path is None or path.exists():
            done.left_out.append(row["id"])
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as partial, open(partial, "wb") as file:
            np.save(file, row["codes"][None].numpy(), allow_pickle=False)
        done.recordings += 1
        done.tokens += row["codes"].numel()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / INFO, codec_info(dataset.codec))
    return done


def codec_info(codec: dict[str, Any]) -> dict[str, Any]:
    """What codec-bpe asks about a codec, from the index of an extraction."""
    rate = codec["sample_rate"]
    return {
        "codec_type": "secousti",
        "codec_model": codec["model_id"],
        "sampling_rate_encoder": rate,
        "sampling_rate_decoder": rate,
        "num_codebooks": codec["num_codebooks"],
        "codebook_size": codec["codebook_size"],
        "framerate": codec["frame_rate"],
    }


def _file(folder: Path, name: str) -> Path | None:
    """Where the codes of a recording go; ``None`` for an id that would leave the folder."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or ".." in path.parts or "\0" in name or name.endswith("/"):
        return None
    return folder / path.parent / f"{path.name}_c0.npy"


def main(
    tokens: Annotated[Path, typer.Argument(metavar="TOKENS", help="What secousti extract wrote.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The new folder of codes.")
    ],
) -> None:
    """Write an extraction's tokens as the .npy files and codec_info.json that codec-bpe reads."""
    done = write_codes(tokens, output)
    typer.echo(f"{done.recordings} recordings, {done.tokens} tokens in {output}", err=True)
    for name in done.left_out:
        typer.echo(f"left out, its id can be no file of its own: {name!r}", err=True)


if __name__ == "__main__":
    run(main)
