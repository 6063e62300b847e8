"""Processes on a machine without an accelerator distribute; shards are whole for any number."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.train.corpus import REPO, environment, finish, toy_document, train, write_config
from tests.train.corpus import write_corpus as write
from tests.train.every_task import main as train_every_task
from train.data.shards import PackedShards


def _launch(processes: int, *program: str) -> str:
    """With torchrun; two processes with what configs/accelerate says of CPUs."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", str(processes), *program]
    if processes == 2:
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
        command += ["configs/accelerate/cpu.yaml", "--main_process_port", "0", *program]
    done = subprocess.run(
        command,
        cwd=REPO,
        env=environment() | {"PYTHONPATH": str(REPO)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _losses(run: Path) -> dict[tuple[int, str], float]:
    with (run / "metrics.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["name"].startswith("train/")]
    timed = ("train/audio_per_second", "train/data_wait")
    rows = [row for row in rows if row["name"] not in timed]
    values = {(int(row["step"]), row["name"]): float(row["value"]) for row in rows}
    assert len(values) == len(rows), "a step was logged twice: two runs in one folder"
    return values


def test_every_task_is_one_run_on_two_processes(tmp_path: Path) -> None:
    write(tmp_path, utterances=8, speakers=2)
    printed = _launch(2, "tests/train/every_task.py", str(tmp_path), str(tmp_path / "two"), "2")
    assert printed.count("2 processes on cpu") == 3
    told = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    assert {row["task"]: row["processes"] for row in told} == {
        "vocoder": 2, "voice": 2, "p2psyn/teacher": 2,
    }  # fmt: skip
    train_every_task(tmp_path, tmp_path / "one", 4)
    for name in ("vocoder", "voice", "p2psyn/teacher"):
        one, two = (_losses(tmp_path / how / name) for how in ("one", "two"))
        assert one.keys() == two.keys()
        for key, value in one.items():  # the first step, before anything random differs
            if key[0] == 1 and key[1] in ("train/mel", "train/spectral", "train/mdct"):
                assert two[key] == pytest.approx(value, rel=0.02), (name, key)


def test_processes_that_never_met_are_refused(tmp_path: Path, monkeypatch) -> None:
    """A launcher that starts several processes and tells them nothing of one another."""
    config = write_config(tmp_path, toy_document(tmp_path, write(tmp_path, utterances=4)))
    monkeypatch.setenv("WORLD_SIZE", "2")
    printed = finish(train(config), code=1)
    assert "the launcher started 2 processes (WORLD_SIZE), but 1 would train" in printed
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("lhotse")
    folder = tmp_path_factory.mktemp("corpus")
    manifest = write(folder, utterances=20)
    command = [sys.executable, "-m", "data_prep", "prepare", str(manifest), "--workers", "1"]
    command += ["-o", str(folder / "shards"), "--valid-fraction", "0.1", "--shard-size", "3"]
    done = subprocess.run(
        command, cwd=REPO, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "shards"


@pytest.mark.parametrize("processes", [2, 4])
def test_every_process_reads_every_utterance_of_the_shards(
    prepared: Path, tmp_path: Path, processes: int
) -> None:
    index = json.loads((prepared / "index.json").read_text())["splits"]["train"]
    assert len(index["shards"]) > 2
    (tmp_path / "one").mkdir()
    one = PackedShards(prepared, "train", 22050, tmp_path / "one")
    names = sorted(row.audio for row in one.rows)
    assert len(names) == len(set(names)) == index["utterances"]
    cache = tmp_path / "many"
    cache.mkdir()
    _launch(processes, "tests/train/open_shards.py", str(prepared), str(cache))
    for rank in range(processes):
        found = json.loads((cache / f"rank{rank}.json").read_text())
        assert found == {"names": names, "seconds": one.seconds()}
    if processes == 2:
        _pack_and_open(prepared, tmp_path)
    again = PackedShards(prepared, "train", 22050, cache)  # what they packed serves one as well
    assert sorted(row.audio for row in again.rows) == names


def _pack_and_open(prepared: Path, folder: Path) -> None:
    """``python -m train.pack_data`` makes what a run then finds."""
    document = toy_document(prepared, prepared)
    document["training"]["data"] |= {"train": [str(prepared)], "valid": []}
    document["training"]["data"] |= {"alignments": [], "cache": str(folder / "packed")}
    config = write_config(folder, document)
    command = [sys.executable, "-m", "train.pack_data", str(config), "--workers", "2"]
    done = subprocess.run(
        command, cwd=REPO, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("train: ")
    before = {p: p.stat().st_mtime_ns for p in (folder / "packed").iterdir() if p.suffix}
    PackedShards(prepared, "train", 22050, folder / "packed")
    assert {p: p.stat().st_mtime_ns for p in (folder / "packed").iterdir() if p.suffix} == before


def test_shards_that_lack_utterances_are_refused(prepared: Path, tmp_path: Path) -> None:
    import shutil

    from secousti.errors import SecoustiError

    copy = tmp_path / "shards"
    shutil.copytree(prepared, copy)
    index = json.loads((copy / "index.json").read_text())
    index["splits"]["train"]["utterances"] += 1
    (copy / "index.json").write_text(json.dumps(index))
    with pytest.raises(SecoustiError, match=r"hold \d+ utterances of 'train', but index\.json"):
        PackedShards(copy, "train", 22050, tmp_path / "cache")
