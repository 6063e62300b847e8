"""The processes of a run: as many as the launcher started, or none at all."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch
from accelerate import Accelerator, DistributedDataParallelKwargs, InitProcessGroupKwargs
from accelerate.utils import DistributedType

from secousti.errors import SecoustiError
from train.engine.settings import BaseRunConfig


def make_accelerator(run: BaseRunConfig, *, shards: bool = False, **ddp: bool) -> Accelerator:
    """The process group and device of a run.

    Without an accelerator processes meet over gloo: left to itself, Accelerate would let each
    believe that it is alone.

    Args:
        shards: whether this training may be spread over processes by FSDP.
        ddp: of ``DistributedDataParallel``.

    Raises:
        SecoustiError: the launcher started another number of processes than have met, or asks
            for FSDP where there is none.
    """
    handlers: list[Any] = [
        InitProcessGroupKwargs(timeout=timedelta(minutes=run.timeout_minutes)),
        DistributedDataParallelKwargs(**ddp),
    ]
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched > 1 and not {"RANK", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        raise _apart(launched, 1)
    accelerator = Accelerator(
        cpu=run.device == "cpu" or not torch.accelerator.is_available(),
        mixed_precision=run.mixed_precision,
        kwargs_handlers=handlers,
    )
    if accelerator.num_processes != launched:
        raise _apart(launched, accelerator.num_processes)
    if is_sharded(accelerator) and not shards:
        raise SecoustiError(
            "only codecs (python -m train) are sharded by FSDP; this model fits every device, so "
            "launch it without FSDP (configs/accelerate/gpus.yaml)"
        )
    return accelerator


def is_sharded(accelerator: Accelerator) -> bool:
    """Whether models are spread over the processes (FSDP)."""
    return bool(accelerator.distributed_type == DistributedType.FSDP)


def describe(accelerator: Accelerator) -> str:
    """``2 processes on cuda`` and the like."""
    count = accelerator.num_processes
    how = ", sharded" if is_sharded(accelerator) else ""
    return f"{count} process{'' if count == 1 else 'es'} on {accelerator.device.type}{how}"


def _apart(launched: int, met: int) -> SecoustiError:
    return SecoustiError(
        f"the launcher started {launched} processes (WORLD_SIZE), but {met} would train: each "
        "alone, in the same folder; launch with torchrun or accelerate launch, or unset WORLD_SIZE"
    )
