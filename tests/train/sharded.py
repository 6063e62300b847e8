"""``python -m train`` with FSDP2 on CPU processes, for the tests: tests/train/sharded.py CONFIG ...

Accelerate turns sharding on where processes have GPUs and silently falls back to DDP elsewhere;
PyTorch itself shards over CPUs as well. Here its state is set as it would be on GPUs.
"""

from __future__ import annotations

import sys
from typing import Any

from accelerate import Accelerator
from accelerate.state import PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin


def shard_on_cpus() -> None:
    """From now on every ``Accelerator`` shards each transformer layer, and the rest as a whole."""
    original = Accelerator.__init__

    def init(self: Accelerator, *args: Any, **options: Any) -> None:
        original(self, *args, **options)
        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=["TransformerLayer"],
        )
        if self.mixed_precision != "no":
            plugin.set_mixed_precision(self.mixed_precision)
        self.state.fsdp_plugin = plugin
        self.state.distributed_type = DistributedType.FSDP
        PartialState._shared_state["distributed_type"] = DistributedType.FSDP

    Accelerator.__init__ = init  # type: ignore[method-assign]


if __name__ == "__main__":
    shard_on_cpus()
    from train.codec.config import load
    from train.codec.task import train

    train(load(sys.argv[1], tuple(sys.argv[2:])))
