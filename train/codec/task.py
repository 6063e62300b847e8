"""Training of a codec: Algorithm 1 stage by stage, validated by eye and ear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.distributed.fsdp import FSDPModule

from secousti.codec import SecoustiCodec
from secousti.config import to_dict
from secousti.errors import SecoustiError
from secousti.evaluation.cache import Cache
from secousti.evaluation.probes import levels_of
from train.codec.batches import Batch, CropDataset
from train.codec.config import Config, RunConfig
from train.codec.objective import OWN, Inspection, Objective, trainable_names
from train.codec.probes import items, melody_metrics, pitch_metrics, speaker_metrics
from train.codec.schedule import Schedule, Stage
from train.codec.setup import (
    build_objective,
    training_data,
    validation_batches,
    validation_data,
)
from train.codec.validate import validate
from train.codec.warm_start import borrow_vocoder, matching_vocoder, speaking
from train.data.packed import PackedCorpus
from train.engine.checkpoint import CheckpointFolder
from train.engine.learner import Learner, published_weights
from train.engine.optim import build_optimizer, rate
from train.engine.processes import is_sharded, make_accelerator
from train.engine.run import Run
from train.engine.sound import Sample
from train.engine.task import Stretch, Task, publish_copy


class CodecTask(Task):
    """``objective`` (codec and what trains beside it) through the stages of a schedule.

    Raises:
        SecoustiError: data that is missing, or a vocoder of other mels.
    """

    least = frozenset({"mel", "token_mel", "residual", "token_top"})

    late_looks = True
    run: RunConfig
    dataset: CropDataset

    def __init__(self, config: Config) -> None:
        self.settings, self.training = config, config.training
        self.run = run = config.training.run
        self.accelerator = make_accelerator(run, shards=True, find_unused_parameters=True)
        accelerator = self.accelerator
        if config.training.optim.name == "muon" and is_sharded(accelerator):
            raise SecoustiError(
                "muon updates whole matrices, which FSDP cuts up: set training.optim.name to "
                "adamw, or launch without FSDP (configs/accelerate/gpus.yaml)"
            )
        self.config, self.identity = to_dict(config), to_dict(config.codec)
        self.schedule = Schedule(config.training.schedule)
        self.stages: Sequence[Stage] = self.schedule.stages
        self.dataset = training_data(config, accelerator.process_index, accelerator.num_processes)
        corpus, self.valid = self.dataset.corpus, validation_batches(config)
        assert isinstance(corpus, PackedCorpus)
        self.corpora = [corpus]
        self.sample_rate = self.dataset.corpus.sample_rate
        self.accumulate, self.workers = (
            config.training.optim.accumulate,
            config.training.data.workers,
        )
        self.objective = build_objective(config, self.dataset)
        self.vocoder = borrow_vocoder(run.vocoder, config.codec.mel, accelerator.device)
        self.learners, self.modules = {}, {}
        rows = validation_data(config).corpus.rows if run.probes and self.valid else []
        self.speakers, self.pitches = {row.audio: row.speaker for row in rows}, Cache()

    @property
    def learner(self) -> Learner:
        return self.learners["objective"]

    def open(self, stage: Stretch) -> None:
        """What does not train in ``stage`` is frozen and in eval mode."""
        assert isinstance(stage, Stage)
        self.opened = stage
        objective, freeze, optim = self.objective, self.training.freeze, self.training.optim
        parts = {n for n, _ in objective.codec.named_children()}
        parts |= {n for n, _ in objective.named_children() if n in OWN}
        self.frozen = [
            objective.part(name)
            for name in parts | {*freeze}
            if name not in stage.trains or name in freeze
        ]
        names = trainable_names(objective, stage.trains, freeze)
        for name, parameter in objective.named_parameters():
            parameter.requires_grad_(name in names)
        optimizer = build_optimizer([p for p in objective.parameters() if p.requires_grad], optim)
        # The wrapper is new in every stage: it holds the parameters that trained at its birth.
        learner = Learner(self.accelerator, objective, optimizer, optim.clip, optim.ema)
        self.learners = {"objective": learner}
        self._train_mode()

    def close(self) -> dict[str, dict[str, Any]]:
        """The plain objective with the averaged weights goes on."""
        objective = self.learner.finish(self._rebuild)
        assert isinstance(objective, Objective)
        self.objective = objective
        return {"objective": {"weights": objective.state_dict()}}

    def restore_closed(self, folder: Path) -> None:
        self.objective.load_state_dict(load_file(folder / "objective.safetensors"))

    def learn(self, batches: Sequence[Batch], step: int) -> dict[str, Tensor]:
        weights, share = self.schedule.at(step).weights, 1 / len(batches)
        losses: dict[str, Tensor] = {}
        for number, batch in enumerate(batches):
            new = self.backward(batch, weights, share, last=number == len(batches) - 1)
            losses = {name: losses.get(name, 0) + share * value for name, value in new.items()}
        losses["gradient_norm"] = self.learner.gradient_norm()
        return losses

    def backward(
        self, batch: Batch, weights: dict[str, float], share: float, last: bool
    ) -> dict[str, Tensor]:
        """Losses of a micro-batch, after adding its ``share`` of the gradient."""
        with self.learner.exchanging(last):
            losses = self.learner.model(batch, weights)
            self.learner.backward(losses["loss"] * share)
        return {name: value.detach().float() for name, value in losses.items()}

    def update(self, step: int) -> None:
        self.learner.update(self.learning_rate(step))

    def learning_rate(self, step: int) -> float:
        stage = self.schedule.stage(step)
        return rate(self.training.optim, step - stage.first_step, stage.steps)

    def validate(self) -> tuple[dict[str, float], list[Sample]]:
        if not self.valid:
            return {}, []
        with self.learner.averaged():
            found = validate(
                self._inspect,
                self.valid,
                self.objective.codec.codebook_size,
                semantic=self.opened.name != "acoustic",
                vocoder=self.vocoder,
                samples=self.run.samples,
                rate=self.sample_rate,
                probe=self._probe if self.run.probes else None,
            )
        self._train_mode()
        return found

    def _probe(self, inspections: Sequence[Inspection]) -> dict[str, float]:
        """What S and its digits tell of the speaker and the melody, and whose pitch G makes."""
        codec = self.objective.codec
        crops = items(inspections, self.valid)
        levels = levels_of(codec)
        metrics = speaker_metrics(crops, self.speakers, levels)
        if self.vocoder is None or isinstance(self.learner.model, FSDPModule):
            return metrics  # no sound; or weights that are whole inside ``forward`` only
        rate, cache = self.sample_rate, self.pitches
        metrics |= melody_metrics(crops, levels, rate, cache)
        return metrics | pitch_metrics(crops, self.speakers, codec, self.vocoder, rate, cache)

    def export(self, collected: dict[str, dict[str, Any]], folder: Path) -> None:
        """``codec``, the averaged model without a vocoder."""
        codec = SecoustiCodec(self.settings.codec)
        weights = published_weights(collected["objective"])
        codec.load_state_dict({n[6:]: t for n, t in weights.items() if n.startswith("codec.")})
        codec.model_id = Path(self.run.output).name
        codec.save_pretrained(folder / "codec")

    def publish(self, folder: Path) -> str:
        """``codec``, the last one, with a vocoder if there is one for its mels."""
        last, _ = CheckpointFolder(folder / "checkpoints", 1).last_good()
        assert last is not None
        name = self.run.vocoder or matching_vocoder(self.settings.codec.mel)
        if name is None:
            publish_copy(last / "codec", folder / "codec")
            return (
                f"the codec is in {folder / 'codec'}; it has no vocoder, as no bundled one knows "
                "its mels: train one (python -m train.vocoder) and join them: "
                f"python -m train.pack {folder / 'codec'} VOCODER -o FOLDER"
            )
        codec = speaking(SecoustiCodec.from_pretrained(last / "codec"), last / "codec", name)
        codec.model_id = folder.name
        codec.save_pretrained(folder / "codec")
        return f"the codec is in {folder / 'codec'} and speaks through the vocoder of {name}"

    def _train_mode(self) -> None:
        """Training mode for what trains; frozen parts (their batch norms!) stay in eval mode."""
        self.learner.model.train()
        for module in self.frozen:
            module.eval()

    @torch.no_grad()
    def _inspect(self, batch: Batch, weights: None) -> Inspection:
        """Everything validation looks at."""
        model = self.learner.model
        inspection: Inspection = model(batch.to(self.accelerator.device), weights)
        if isinstance(model, FSDPModule):
            model.reshard()  # without a backward pass it keeps whole weights, soon outdated
        return inspection

    def _rebuild(self) -> Objective:
        """A codec of the same sizes; its weights come from elsewhere."""
        training = replace(self.training, warm_start=None, calibrate=False)
        return build_objective(replace(self.settings, training=training), self.dataset)


def train(config: Config, resume: bool = True) -> CodecTask:
    """Train what ``config`` describes; see ``Run``."""
    task = CodecTask(config)
    Run(task, resume).run()
    return task
