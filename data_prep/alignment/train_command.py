"""``python -m data_prep train-aligner``: an aligner for your own corpus, from transcripts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import Progress

from data_prep.alignment.builtin import BUNDLED, load_aligner, save_aligner
from data_prep.alignment.calibration import fit_confidence
from data_prep.alignment.classes import ClassMap
from data_prep.alignment.corpus import Example, load_corpus
from data_prep.alignment.network import NetworkConfig
from data_prep.alignment.training import Trainer, TrainingConfig
from data_prep.manifest import read_manifest

console = Console()


def train_aligner(
    manifest: Annotated[Path, typer.Argument(help="JSON Lines with text or pronunciation")],
    output: Annotated[Path, typer.Option("-o", "--output", help="folder of the model")],
    max_hours: Annotated[float, typer.Option(help="of audio, drawn at random")] = 20.0,
    rounds: Annotated[int, typer.Option(min=1, help="times the corpus is cut anew")] = 3,
    ctc_epochs: Annotated[int, typer.Option(min=1, help="of the first stage")] = 4,
    scratch: Annotated[bool, typer.Option(help="do not start from the built-in model")] = False,
    channels: Annotated[int, typer.Option(min=8, help="of a network from scratch")] = 160,
    threads: Annotated[int, typer.Option(min=1)] = 1,
    seed: Annotated[int, typer.Option()] = 0,
) -> None:
    """Train the built-in aligner on MANIFEST.

    Starts from the built-in model, so phonemes it knows need little data; ``--scratch`` starts
    from nothing, which takes an hour of speech or more. Rows that have times (``phones``) begin
    with those. Run the command again after an interruption: it continues.
    """
    torch.set_num_threads(threads)
    output.mkdir(parents=True, exist_ok=True)
    examples = _read(manifest, max_hours, seed)
    timed = all(example.times is not None for example in examples)
    config = TrainingConfig(ctc_epochs, rounds, seed=seed, warm_start=timed or not scratch)
    start = None if scratch else load_aligner(BUNDLED)[0]
    sizes = NetworkConfig(channels=channels) if start is None else start.config
    trainer = Trainer(examples, output, sizes, config, console.print)
    if not trainer.load() and start is not None:
        trainer.network.load_state_dict(start.state_dict())
    network = trainer.run()
    confidence = fit_confidence(network, examples, ClassMap(network.config.classes), seed)
    hours = sum(len(example.features) for example in examples) / 720_000
    about = {"confidence": confidence, "hours": round(hours, 2), "utterances": len(examples)}
    save_aligner(output, network, about)
    console.print(
        f"{output} written; use it with: python -m data_prep align --model {output}", soft_wrap=True
    )


def _read(manifest: Path, max_hours: float, seed: int) -> list[Example]:
    faults: list[tuple[str, str]] = []
    rows = list(read_manifest(manifest, on_fault=lambda n, why: faults.append((f"line {n}", why))))
    with Progress(transient=True) as progress:
        task = progress.add_task("reading audio", total=len(rows))
        examples = load_corpus(
            rows,
            manifest.resolve().parent,
            ClassMap(),
            max_hours=max_hours,
            seed=seed,
            on_fault=lambda name, why: faults.append((name, why)),
            advance=lambda: progress.advance(task),
        )
    console.print(f"{len(examples)} utterances; {len(faults)} cannot be used")
    for name, why in faults[:10]:
        console.print(f"  {name}: {why}")
    return examples
