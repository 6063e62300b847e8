"""A training file for another number of steps: everything that counts steps moves along."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train.codec.config import Config as CodecConfig
from train.codec.schedule import Schedule
from train.engine.pace import CHECKPOINT, VALIDATION, Pace

_RAMPS = ("kl_semantic", "kl_para", "adversarial")
_VALIDATIONS = 8  # of a phase at most, and
_FOR_VALIDATION = 0.05  # of its time at most
_CHECKPOINT_SECONDS = 60.0
LEAST = 2  # steps of a stage, however short the time
_OVERDRAWN = 1.1  # times the time left, from which on a plan is cut


def stage_names(config: Any) -> list[str]:
    """Of the stages that a file's training has."""
    if isinstance(config, CodecConfig):
        return [stage.name for stage in Schedule(config.training.schedule).stages]
    return ["whole"]


def step_changes(config: Any, steps: Mapping[str, int]) -> list[str]:
    """``key=value`` changes of a training that give its stages so many steps.

    Weights that rise between two steps, and warm-ups, keep their place in the whole.

    Args:
        config: of a codec, a vocoder or a listener. steps: of each stage, by name.
    """
    total = sum(steps.values())
    warm_up = config.training.optim.warmup_steps
    changes = [f"training.optim.warmup_steps={min(warm_up, max(total // 10, 1))}"]
    if not isinstance(config, CodecConfig):
        return [f"training.optim.steps={total}", *changes]
    schedule = config.training.schedule
    changes += [f"training.schedule.total_steps={total}"]
    if schedule.strategy == "stages":
        changes += [f"training.schedule.stage1_end={steps.get('acoustic', 0)}"]
    for name in _RAMPS:
        ramp = getattr(schedule, name)
        changes.append(f"training.schedule.{name}.upper={ramp.upper!r}")
        for end in ("start", "end"):
            place = round(getattr(ramp, end) * total / schedule.total_steps)
            changes.append(f"training.schedule.{name}.{end}={place}")
    return changes


def report_changes(
    steps: Mapping[str, int], seconds: float, measured: Mapping[str, float]
) -> list[str]:
    """How often a run of so many steps of each stage in ``seconds`` logs, validates and saves."""
    total = max(sum(steps.values()), 1)
    each = max(sum(count * measured[name] for name, count in steps.items()) / total, 1e-6)
    validation = measured.get(VALIDATION, 0.0) + measured.get(CHECKPOINT, 0.0)  # the best is saved
    affordable = int(_FOR_VALIDATION * seconds / max(validation, 1e-6))
    times = min(max(affordable, 1), _VALIDATIONS)
    return [
        f"training.run.log_every={max(total // 50, 1)}",
        f"training.run.validate_every={max(-(-total // times), 1)}",
        f"training.run.save_every={max(round(_CHECKPOINT_SECONDS / each), 1)}",
    ]


def planned_steps(
    pace: Pace, stages: Mapping[str, float], seconds: float, least: int
) -> dict[str, int]:
    """Steps of each stage that fit into ``seconds``, validations and checkpoints included.

    Args:
        pace: measured. stages: share of the time by the stage's name.
        least: steps of a stage, however short the time.
    """
    fixed = pace.mean(VALIDATION) + len(stages) * pace.mean(CHECKPOINT)
    training = max(seconds - fixed, 0.0) * (1 - _FOR_VALIDATION)
    whole = sum(stages.values())
    return {
        name: max(int(training * share / whole / max(pace.mean(name), 1e-6)), least)
        for name, share in stages.items()
    }


def refitted_steps(
    steps: Mapping[str, int],
    each: Mapping[str, float],
    done: int,
    seconds: float,
    least: int,
    overdrawn: float = _OVERDRAWN,
) -> dict[str, int]:
    """Fewer steps where those still to come no longer fit into ``seconds``; else the same.

    Args:
        steps: planned of each stage, in order. each: seconds of a step. done: steps of all.
        overdrawn: from how many times ``seconds`` on they are cut.
    """
    behind: dict[str, int] = {}
    for name, count in steps.items():
        behind[name] = min(count, done)
        done -= behind[name]
    wanted = sum((steps[name] - behind[name]) * each[name] for name in steps)
    if wanted <= overdrawn * max(seconds, 0.0):
        return dict(steps)
    share = max(seconds, 0.0) / wanted
    return {
        name: behind[name]
        + min(max(int((count - behind[name]) * share), least), count - behind[name])
        for name, count in steps.items()
    }
