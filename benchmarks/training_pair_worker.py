"""What ``training_pair`` runs inside a checkout: ``python -m train``, watched step by step."""

import json
import runpy
import sys
import time

import torch
from torch.optim.optimizer import register_optimizer_step_post_hook
from torch.profiler import ProfilerActivity, profile

found, total, arguments = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
torch.set_num_threads(1)
times: list[float] = []
profiler = profile(activities=[ProfilerActivity.CPU])


def after_step(*_: object) -> None:
    """The one before the last step is profiled, from the end of its predecessor on."""
    times.append(time.process_time())
    if len(times) == total - 2:
        profiler.start()
    if len(times) == total - 1:
        profiler.stop()


register_optimizer_step_post_hook(after_step)
sys.argv = ["train", *arguments]
try:
    runpy.run_module("train", run_name="__main__", alter_sys=True)
except SystemExit as end:
    if end.code:
        raise
events = [event for event in profiler.events() if event.name.startswith("aten::")]
own = [e for e in events if e.cpu_parent is None or not e.cpu_parent.name.startswith("aten::")]
document = {
    "seconds": [b - a for a, b in zip(times, times[1:])],  # noqa: B905, RUF007
    "calls": len(own),
    "waits": sum(event.name == "aten::_local_scalar_dense" for event in events),
}
with open(found, "w", encoding="utf-8") as file:
    json.dump(document, file)
