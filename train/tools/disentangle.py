"""Do tokens know phonemes, and do they hide the speaker? A report on a run's last checkpoint.

    python -m train.disentangle RUN

Only validation speakers unseen in training count. Phonemes: a token is right when its S is
nearest (cosine) to the mean phoneme embedding P of its own phoneme. Speakers: a linear probe
(logistic regression, trained on half of each speaker's utterances) on the mean and deviation over
time of S and of A.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from safetensors.torch import load_file
from torch import Tensor

from secousti.config import from_dict
from secousti.errors import SecoustiError
from secousti.evaluation.probes import linear_probe, split_utterances
from secousti.text.inventory import IGNORE, SYMBOLS, is_silence
from train.codec.config import Config
from train.codec.objective import Inspection, Objective
from train.codec.setup import build_objective, training_data, validation_data
from train.codec.validate import nearest_phoneme_accuracy
from train.engine.checkpoint import CheckpointFolder, read_state
from train.engine.command import make_app

app = make_app()


def open_run(run: Path) -> tuple[Config, Objective]:
    """Configuration and averaged weights of a run's last checkpoint, in eval mode.

    Raises:
        SecoustiError: the folder holds no checkpoint.
    """
    last, _ = CheckpointFolder(run / "checkpoints", 1).last_good()
    if last is None:
        raise SecoustiError(f"{run} holds no checkpoint; name the output folder of a training run")
    config = from_dict(Config, read_state(last)["config"])
    config = replace(config, training=replace(config.training, warm_start=None, calibrate=False))
    objective = build_objective(config, training_data(config, 0, 1))
    averaged = last / "objective.average.safetensors"
    weights = averaged if averaged.exists() else last / "objective.safetensors"
    objective.load_state_dict(load_file(weights))
    return config, objective.eval()


@torch.no_grad()
def unseen(
    config: Config, objective: Objective, batches: int
) -> tuple[list[Inspection], list[str]]:
    """One crop of each utterance of unseen speakers, and who speaks in each row.

    Other rows are masked as a whole.
    """
    trained = {row.speaker for row in training_data(config, 0, 1).corpus.rows}
    data = validation_data(config)
    speaker_of = {row.audio: row.speaker for row in data.corpus.rows}
    found: list[Inspection] = []
    speakers: list[str] = []
    seen: set[str] = set()
    for position in range(batches):
        batch = data[position]
        inspection = objective.inspect(batch)
        for b, name in enumerate(batch.names):
            if name in seen or speaker_of[name] in trained:
                inspection.mask[b] = False
            seen.add(name)
            speakers.append(speaker_of[name])
        found.append(inspection)
    return found, speakers


def phonemes(inspections: list[Inspection]) -> tuple[int, float, float]:
    """Tokens that are no silence, accuracy, and accuracy of always the commonest phoneme."""
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for i in inspections:
        spoken = torch.tensor([not is_silence(symbol) for symbol in SYMBOLS])
        mask = i.mask & (i.labels != IGNORE) & spoken[i.labels.clamp(min=0)]
        if i.phonemes is not None and mask.any():
            rows.append((i.semantics.vectors.mT[mask], i.phonemes[mask], i.labels[mask]))
    if not rows:
        raise SecoustiError("no validation speech of unseen speakers is aligned")
    s, p, labels = (torch.cat(column) for column in zip(*rows, strict=True))
    return len(labels), *nearest_phoneme_accuracy(s, p, labels)


def speaker_probe(inspections: list[Inspection], speakers: list[str], part: str) -> str:
    """Accuracy and chance of the linear probe on ``S`` or ``A``, as a sentence's end."""
    features, names = [], []
    row = 0
    for i in inspections:
        vectors = i.semantics.vectors if part == "S" else i.acoustic
        for b in range(len(i.mask)):
            if i.mask[b].sum() > 8:
                frames = vectors[b, :, i.mask[b]]
                features.append(torch.cat([frames.mean(1), frames.std(1)]))
                names.append(speakers[row])
            row += 1
    kept = [n for n, name in enumerate(names) if names.count(name) >= 4]
    names = [names[n] for n in kept]
    table = torch.stack([features[n] for n in kept]).double().numpy()
    probe = linear_probe(table, names, split_utterances(names))
    return f"{probe.accuracy:.3f} (chance {probe.chance:.3f}, {probe.classes} speakers)"


@app.command()
def main(
    run: Annotated[Path, typer.Argument(help="output folder of a training run")],
    batches: Annotated[int, typer.Option(help="validation batches to look at")] = 40,
) -> None:
    """Phoneme accuracy of S, and the speaker in S and A, on unseen speakers."""
    try:
        config, objective = open_run(run)
        inspections, speakers = unseen(config, objective, batches)
        tokens, accuracy, chance = phonemes(inspections)
        print(f"phoneme by nearest embedding: {accuracy:.3f} (chance {chance:.3f})")
        print(f"tokens of unseen speakers, without silence: {tokens}")
        for part in ("S", "A"):
            print(f"speaker from {part}: {speaker_probe(inspections, speakers, part)}")
    except SecoustiError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    app()
