"""Recordings through a codec, laid out for VERSA's scorer.

    python -m secousti.integrations.versa RECORDINGS -m mini-21hz -o scored
    python versa/bin/scorer.py --gt scored/gt.scp --pred scored/pred.scp --text scored/text \
        --score_config scored/metrics.yaml --output_file scored/scores.txt --io soundfile

RECORDINGS is whatever ``secousti extract`` reads. Both sides of a pair have the recording's rate
and number of samples. Transcripts, where known, go to ``text``.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer
import yaml

from secousti.atomic import write_text
from secousti.audio.io import save_audio
from secousti.base import Codec
from secousti.cli.options import DEFAULT_MODEL, Device, Model
from secousti.errors import SecoustiError
from secousti.extraction.items import Item
from secousti.integrations.command import run

# VERSA's names of what compares a codec's sound with the recording.
METRICS = (
    {"name": "mcd_f0", "f0min": 40, "f0max": 800, "mcep_shift": 5, "mcep_fftl": 1024}
    | {"mcep_dim": 39, "mcep_alpha": 0.466, "seq_mismatch_tolerance": 0.1}
    | {"power_threshold": -20, "dtw": False},
    {"name": "signal_metric"},
    {"name": "pesq"},
    {"name": "stoi"},
    {"name": "speaker", "model_tag": "default"},
    {
        "name": "pseudo_mos",
        "predictor_types": ["utmos"],
        "predictor_args": {"utmos": {"fs": 16000}},
    },
)


@dataclass
class Pairs:
    """Utterances written, by key, and what was left out and why."""

    folder: Path
    keys: list[str] = field(default_factory=list)
    text: dict[str, str] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def write_pairs(codec: Codec, recordings: str, output: str | Path) -> Pairs:
    """Every recording and what the codec makes of it, as WAV files and Kaldi lists.

    Raises:
        SecoustiError: nothing that can be read, or ``output`` holds pairs already.
    """
    folder = Path(output).resolve()
    if (folder / "pred.scp").exists():
        raise SecoustiError(f"{folder} holds pairs already: name a new folder")
    pairs = Pairs(folder)
    for item in _items(recordings):
        try:
            _write_pair(codec, item, pairs)
        except SecoustiError as error:
            pairs.faults[item.id] = str(error)
    if not pairs.keys:
        raise SecoustiError(f"not one recording of {recordings} could be read: {pairs.faults}")
    for side in ("gt", "pred"):
        _write_list(
            folder / f"{side}.scp", {key: str(_wav(folder, side, key)) for key in pairs.keys}
        )
    if len(pairs.text) == len(pairs.keys):
        _write_list(folder / "text", pairs.text)
    write_text(folder / "metrics.yaml", yaml.safe_dump(list(METRICS), sort_keys=False))
    return pairs


def scorer_command(pairs: Pairs) -> str:
    """The line that scores the pairs, from a clone of VERSA."""
    lists = "--gt gt.scp --pred pred.scp"
    lists += " --text text" if len(pairs.text) == len(pairs.keys) else ""
    return (
        f"cd {pairs.folder} && python -m versa.bin.scorer {lists} --score_config metrics.yaml "
        "--output_file scores.txt --io soundfile"
    )


def _items(recordings: str) -> Iterator[Item]:
    from secousti.extraction.inputs import open_source

    with tempfile.TemporaryDirectory() as workspace:
        source = open_source(recordings, Path(workspace), 1000)
        for task in source.tasks():
            yield from source.items(task)


def _write_pair(codec: Codec, item: Item, pairs: Pairs) -> None:
    key = "_".join(item.id.replace("/", "-").split())
    if key in pairs.keys:
        raise SecoustiError(f"another recording has the key {key!r} already")
    wav, rate = item.load()
    heard = codec.decode(codec.encode(wav, rate), rate)
    for side, audio in (("gt", wav), ("pred", heard[0, 0, : len(wav)])):
        path = _wav(pairs.folder, side, key)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_audio(path, audio, rate)
    pairs.keys.append(key)
    if words := " ".join(item.about.get("text", "").split()):
        pairs.text[key] = words


def _wav(folder: Path, side: str, key: str) -> Path:
    return folder / side / f"{key}.wav"


def _write_list(path: Path, lines: dict[str, str]) -> None:
    """Kaldi's: a key, a space, the rest."""
    write_text(path, "".join(f"{key} {value}\n" for key, value in sorted(lines.items())))


def main(
    recordings: Annotated[str, typer.Argument(metavar="RECORDINGS", help="As extract takes them.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="The new folder of pairs.")
    ],
    model: Model = DEFAULT_MODEL,
    device: Device = "cpu",
) -> None:
    """Write recordings and what a codec makes of them for VERSA's scorer."""
    from secousti.hub.resolve import load_codec

    pairs = write_pairs(load_codec(model, device=device), recordings, output)
    for name, reason in pairs.faults.items():
        typer.echo(f"left out {name}: {reason}", err=True)
    typer.echo(f"{len(pairs.keys)} pairs in {output}; with VERSA installed:", err=True)
    typer.echo(scorer_command(pairs))


if __name__ == "__main__":
    run(main)
