"""The launchers of slurm users: several processes on one folder make what one process makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from secousti.extraction import extract
from secousti.extraction.journal import STATE
from secousti.extraction.settings import Settings
from tests.extraction.conftest import contents

TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
# Without a GPU as well, this is how accelerate starts several processes on one machine.
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
ACCELERATE += ["--num_machines", "1", "--main_process_port", "0"]


@pytest.mark.parametrize("launcher", [TORCHRUN, ACCELERATE], ids=["torchrun", "accelerate"])
def test_two_processes_make_what_one_makes(
    launcher: list[str], corpus: Path, model: str, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    pytest.importorskip(launcher[0].split(".")[0])
    command = [sys.executable, "-m", *launcher, "-m", "secousti", "extract", str(corpus)]
    options = ["-o", str(tmp_path / "two"), "-m", model, "--shard-size", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, *options], check=True, env=environment, capture_output=True)
    extract(corpus, tmp_path / "one", Settings(model, shard_size=2), processes=1)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    journals = sorted((tmp_path / "two" / STATE).glob("journal.*.jsonl"))
    shards = [
        {json.loads(line)["shard"] for line in path.read_text().splitlines()} for path in journals
    ]
    assert len(shards) == 2
    assert all(shards)  # both worked
    assert not shards[0] & shards[1]
