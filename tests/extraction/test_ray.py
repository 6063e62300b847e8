"""Ray Data on a local cluster of several processes, one of which is killed on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from secousti.extraction import extract
from secousti.extraction.settings import Settings
from tests.extraction.conftest import contents

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")


def _kill_one_worker(killed: list[int], stop: threading.Event, out: Path) -> None:
    """Wait until a worker has a shard under way, then kill the process that writes it."""
    while not stop.is_set() and not killed:
        if list(out.glob(".secousti/parts/*/*")):
            for process in psutil.Process(os.getpid()).children(recursive=True):
                if "MapWorker" in " ".join(process.cmdline()):
                    process.send_signal(signal.SIGKILL)
                    killed.append(process.pid)
                    return
        time.sleep(0.005)


@pytest.mark.skipif(
    not os.environ.get("SECOUSTI_SLOW"), reason="starts a Ray cluster: set SECOUSTI_SLOW=1"
)
def test_a_worker_killed_midway_changes_nothing(
    corpus: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_worker_niceness", "0")  # 15 by default: starved on a busy machine
    settings = replace(settings, shard_size=1)
    out = tmp_path / "ray"
    ray.init(
        num_cpus=2,
        object_store_memory=100_000_000,  # tasks and records are a few kB
        include_dashboard=False,
        log_to_driver=False,
    )
    killed: list[int] = []
    stop = threading.Event()
    killer = threading.Thread(target=_kill_one_worker, args=(killed, stop, out), daemon=True)
    killer.start()
    try:
        summary = extract(corpus, out, settings, engine="ray", processes=2)
    finally:
        stop.set()
        ray.shutdown()
    assert killed, "no worker was killed: the test showed nothing"
    assert summary.complete
    extract(corpus, tmp_path / "whole", settings, processes=1)
    assert contents(out) == contents(tmp_path / "whole")
