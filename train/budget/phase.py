"""One phase: a training file whose number of steps is found by trying a few.

``python -m train.budget.phase`` is what several processes of a phase are launched as.
"""

from __future__ import annotations

import io
import json
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import broadcast_object_list

from secousti.atomic import write_json, write_text
from secousti.errors import SecoustiError
from train.budget.clocked import ClockedRun
from train.budget.guide import guide_steps
from train.budget.ledger import Stopped
from train.budget.sizes import (
    LEAST,
    planned_steps,
    refitted_steps,
    report_changes,
    stage_names,
    step_changes,
)
from train.codec.config import load as load_codec
from train.codec.task import CodecTask
from train.engine.checkpoint import CheckpointFolder
from train.engine.command import one_sentence
from train.engine.processes import make_accelerator
from train.engine.run import Run
from train.engine.task import Task
from train.vocoder.config import load as load_vocoder
from train.vocoder.task import VocoderTask
from train.voice.config import load as load_listener
from train.voice.task import VoiceTask

Kind = Literal["codec", "vocoder", "listener"]
_LOADERS: dict[Kind, Callable[[Path, tuple[str, ...]], Any]] = {
    "codec": load_codec,
    "vocoder": load_vocoder,
    "listener": load_listener,
}
_TASKS: dict[Kind, Callable[[Any], Task]] = {
    "codec": CodecTask,
    "vocoder": VocoderTask,
    "listener": VoiceTask,
}
_TRIED = 6  # steps of each stage that are timed at first
_TRYING = 0.03  # of a phase's time goes to timing more of them, so that
_MOST_TRIED = 40  # a busy moment does not decide how many there will be
_CUT = 0.9  # of the time left is planned for where a plan proved too long: not to cut it again
_SURE = 0.97  # of the time is planned for: steps are not all alike


@dataclass(frozen=True)
class Phase:
    """A training in a job's folder.

    Attributes:
        folder: of the job; the phase's file is ``phases/NAME.yaml``, its run ``runs/NAME``.
        kind: whose file it is.
        stages: share of the phase's time that a stage gets; alike where not told.
    """

    folder: Path
    name: str
    kind: Kind
    stages: dict[str, float] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        """The training file, with the step numbers of where it comes from."""
        return self.folder / "phases" / f"{self.name}.yaml"

    @property
    def plan(self) -> Path:
        """The steps, the changes of the file that make them, and what was measured."""
        return self.folder / "phases" / f"{self.name}.json"

    @property
    def output(self) -> Path:
        """Where the run goes."""
        return self.folder / "runs" / self.name

    def write(self, document: dict[str, Any]) -> None:
        """Write the file of a phase that has not been planned yet; its output is ours to say."""
        if self.plan.is_file():
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        document["training"]["run"]["output"] = str(self.output)
        write_text(self.file, yaml.safe_dump(document, sort_keys=False))

    def config(self, changes: tuple[str, ...] = ()) -> Any:
        """The file with changes, as the trainer reads it."""
        return _LOADERS[self.kind](self.file, changes)

    def task(self, changes: tuple[str, ...] = ()) -> Task:
        """What trains."""
        return _TASKS[self.kind](self.config(changes))


def run_phase(phase: Phase, until: float) -> None:
    """Plan a phase to end at ``until`` (as ``time.time()`` counts) and train; or go on with it.

    Where the machine turns out slower than the plan supposed, training stops, the plan is cut to
    the time that is left, and training goes on. Called by every process of the phase.

    Raises:
        Stopped: a signal ended it; what was trained is saved.
        SecoustiError: what its trainer raises.
    """
    AcceleratorState._reset_state()  # phases of one process may differ in precision
    if phase.plan.is_file():
        _refit(phase, until)
    else:
        _plan(phase, until)
    while not _trained(phase, until):
        _refit(phase, until, _CUT)


def _trained(phase: Phase, until: float) -> bool:
    """Train by the plan; False where it has to be cut first."""
    plan = json.loads(phase.plan.read_text("utf-8"))
    run = ClockedRun(phase.task(tuple(plan["changes"])), plan["steps"], plan["seconds"], until)
    run.run()
    if run.finished:
        return True
    (behind,) = broadcast_object_list([run.behind])
    if not behind:
        raise Stopped(f"{phase.name} was stopped; the same command goes on with it")
    if run.main:
        print(f"{phase.name}: steps take longer than planned for; fewer of them fit", flush=True)
        write_json(phase.plan, plan | {"seconds": run.seconds()})
    run.accelerator.wait_for_everyone()
    return False


def _plan(phase: Phase, until: float) -> None:
    """Try a few steps of each stage, and write down how many there will be."""
    seconds = _SURE * max(until - time.time(), 0.0)
    if (few := guide_steps()) is not None:
        config = phase.config()
        accelerator = make_accelerator(config.training.run, shards=phase.kind == "codec")
        names = list(phase.stages or stage_names(config))
        _agree(phase, accelerator, dict.fromkeys(names, few), dict.fromkeys(names, 0.0), seconds)
        return
    task, run = _try(phase, _TRIED)
    if (more := _more_tries(run, seconds)) > _TRIED:
        task, run = _try(phase, more)
    stages = phase.stages or {stage.name: 1.0 for stage in task.stages}
    steps = planned_steps(run.pace, stages, seconds, LEAST)
    measured = {name: run.pace.mean(name) for name in run.pace.counts}
    _agree(phase, task.accelerator, steps, measured, seconds)


def _refit(phase: Phase, until: float, share: float = 1.0) -> None:
    """Cut the plan of a phase that goes on where ``share`` of the time left is too short for it."""
    plan = json.loads(phase.plan.read_text("utf-8"))
    seconds = share * max(until - time.time(), 0.0)
    last = CheckpointFolder(phase.output / "checkpoints", 1).last()
    done = 0 if last is None else int(last.name.removeprefix("step_"))
    steps = refitted_steps(plan["steps"], plan["seconds"], done, seconds, LEAST)
    if steps != plan["steps"]:
        config = phase.config()
        accelerator = make_accelerator(config.training.run, shards=phase.kind == "codec")
        _agree(phase, accelerator, steps, plan["seconds"], seconds)


def _agree(
    phase: Phase,
    accelerator: Accelerator,
    steps: dict[str, int],
    measured: dict[str, float],
    seconds: float,
) -> None:
    """Write the plan down; the first process's clock counts for all."""
    (steps,) = broadcast_object_list([steps])
    if accelerator.is_main_process:
        changes = step_changes(phase.config(), steps)
        changes += report_changes(steps, seconds, measured)
        each = ", ".join(f"{n} {name} steps of {measured[name]:.3g} s" for name, n in steps.items())
        print(f"{phase.name}: {each}", flush=True)
        document = {"steps": steps, "changes": changes, "seconds": measured, "planned": seconds}
        write_json(phase.plan, document)
    accelerator.wait_for_everyone()


def _more_tries(run: Run, seconds: float) -> int:
    """Steps of each stage that ``_TRYING`` of the time is enough for; alike on all processes."""
    each = sum(run.pace.mean(stage.name) for stage in run.task.stages)
    tries = min(int(_TRYING * seconds / max(each, 1e-6)), _MOST_TRIED)
    return int(broadcast_object_list([tries])[0])


def _try(phase: Phase, steps: int) -> tuple[Task, Run]:
    """A short run beside the real one, of which nothing stays but its times."""
    scratch = phase.folder / "runs" / f".try-{phase.name}"
    shutil.rmtree(scratch, ignore_errors=True)
    never = [f"training.run.{what}_every=1000000" for what in ("validate", "save", "log")]
    own = [f"training.run.output={scratch}", "training.run.trackers=[]", *never]
    config = phase.config(tuple(own))
    tried = dict.fromkeys(stage_names(config), steps)
    task = phase.task((*own, *step_changes(config, tried)))
    run = Run(task)
    with redirect_stdout(io.StringIO()):
        run.train()
    task.accelerator.wait_for_everyone()
    if task.accelerator.is_main_process:
        shutil.rmtree(scratch, ignore_errors=True)
    if not run.finished:
        raise Stopped(f"{phase.name} was stopped; the same command goes on with it")
    return task, run


def as_text(phase: Phase) -> str:
    """A phase for another process's command line."""
    return json.dumps(asdict(phase) | {"folder": str(phase.folder)})


def main(text: str, until: str) -> None:
    """What ``as_text`` made, in one of several processes."""
    told = json.loads(text)
    with one_sentence():
        run_phase(Phase(**told | {"folder": Path(told["folder"])}), float(until))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SecoustiError("python -m train.budget.phase is started by other commands")
    main(*sys.argv[1:])
