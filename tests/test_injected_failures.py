"""Every write, rename and fsync fails in turn: nothing is half-written, and going on is exact."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from safetensors.torch import save_file

from secousti import SecoustiCodec, files, load_codec
from secousti.audio.io import save_audio
from secousti.errors import SecoustiError
from secousti.extraction import extract
from secousti.extraction.settings import Settings
from tests.failures import Disk, failing_disk
from tests.toy import toy_codec, toy_speech
from train.engine.checkpoint import CheckpointFolder, find_fault, read_state

MOST = 400  # operations of one piece of work


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(toy_codec().save_pretrained(tmp_path_factory.mktemp("model") / "toy"))


@pytest.fixture(scope="module")
def codec(model: str) -> SecoustiCodec:
    loaded = load_codec(model)
    assert isinstance(loaded, SecoustiCodec)
    return loaded


@pytest.fixture
def loaded_once(codec: SecoustiCodec, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of one test share one codec: it is the disk that is tested."""
    monkeypatch.setattr("secousti.files.models.load", lambda name, device="cpu": codec)
    monkeypatch.setattr(Settings, "load_codec", lambda self, device=None: codec)


def below(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def fails_in_turn(
    work: Callable[[], object], check: Callable[[Disk, bool], None], rust: tuple[str, ...] = ()
) -> int:
    """Let every operation of ``work`` fail once; ``check`` hears which, and whether work raised.

    Returns:
        how many operations there were.
    """
    for at in range(1, MOST):
        raised = False
        with failing_disk(at, rust) as disk:
            try:
                work()
            except (OSError, SecoustiError):
                raised = True
        if disk.failed is None:
            assert not raised
            return at - 1
        check(disk, raised)
    raise AssertionError("it never ends")


@pytest.mark.parametrize("suffix", [".sct", ".wav", ".packets"])
def test_files(suffix: str, model: str, tmp_path: Path, loaded_once: None) -> None:
    """An older output stays as it was, and nothing lies beside it."""
    source, out = tmp_path / "a.wav", tmp_path / "out"
    save_audio(source, toy_speech(1.0), 22050)
    target = out if suffix == ".packets" else out / f"a{suffix}"

    def work() -> None:
        named: dict[str, Any] = {"model": model, "force": True}
        if suffix == ".wav":
            files.roundtrip([str(source)], str(target), **named)
        elif suffix == ".sct":
            files.encode([str(source)], str(target), **named)
        else:
            files.encode([str(source)], str(target), packet_bytes=90, **named)

    work()
    new = below(out)
    for path in out.iterdir():
        path.write_bytes(b"older")
    old = below(out)

    def check(disk: Disk, raised: bool) -> None:
        assert raised, disk.failed
        there = below(out)
        if suffix == ".packets" and disk.failed == "rename":  # each of them old or new
            assert all(there[name] in (old[name], new[name]) for name in old)
            assert there.keys() == old.keys()
            for name, data in old.items():
                (out / name).write_bytes(data)
            return
        assert there == old

    assert fails_in_turn(work, check) >= 3
    assert below(out) == new


def test_a_model(tmp_path: Path, codec: SecoustiCodec) -> None:
    """A folder that is saved over an older one: weights and configuration are each old or new."""
    folder = tmp_path / "model"
    codec.save_pretrained(folder)
    old = below(folder)

    def check(disk: Disk, raised: bool) -> None:
        assert raised, disk.failed
        assert below(folder) == old

    rust = ("secousti.pretrained.save_file",)
    assert fails_in_turn(lambda: codec.save_pretrained(folder), check, rust) >= 6
    assert below(folder) == old


def test_checkpoints(tmp_path: Path) -> None:
    """The last good one is always there and whole; the same step is saved again."""
    checkpoints = CheckpointFolder(tmp_path / "checkpoints", keep_last=2)

    def writing(step: int) -> Callable[[Path], None]:
        def write(folder: Path) -> None:
            save_file({"w": torch.full((4,), float(step))}, folder / "weights.safetensors")
            (folder / "state.json").write_text(f'{{"step": {step}}}')

        return write

    checkpoints.save(1, writing(1), best=True)

    def check(disk: Disk, raised: bool) -> None:
        good, _ = checkpoints.last_good()
        assert good is not None
        assert read_state(good)["step"] in (1, 2)
        assert raised or read_state(good)["step"] == 2
        assert all(find_fault(path) is None for path in checkpoints.all())

    rust = ("tests.test_injected_failures.save_file",)
    assert fails_in_turn(lambda: checkpoints.save(2, writing(2), best=False), check, rust) >= 8
    good, damaged = checkpoints.last_good()
    assert good is not None
    assert read_state(good)["step"] == 2
    assert damaged == {}
    assert {path.name for path in checkpoints.root.iterdir() if path.name.startswith(".")} <= set()


def test_extraction(tmp_path: Path, model: str, loaded_once: None) -> None:
    """Whatever failed, the same command ends with the bytes of a run without failures."""
    corpus = tmp_path / "corpus"
    for i in range(3):
        save_audio(corpus / f"{i}.wav", toy_speech(0.4 + 0.3 * i, seed=i), 22050)
    settings = Settings(model, shard_size=2, batch_seconds=3.0, window_seconds=2.5)

    def work(name: str) -> None:
        extract(corpus, tmp_path / name, settings, processes=1)

    def published(name: str) -> dict[str, bytes]:
        return {k: v for k, v in below(tmp_path / name).items() if ".secousti" not in k}

    work("reference")
    wanted = published("reference")
    number = 0

    def attempt() -> None:
        nonlocal number
        number += 1
        work(f"out{number}")

    def check(disk: Disk, raised: bool) -> None:
        assert raised, disk.failed
        name = f"out{number}"
        half = published(name)
        assert all(half[key] == wanted[key] for key in half if not key.endswith(".jsonl"))
        work(name)
        assert published(name) == wanted

    assert fails_in_turn(attempt, check, ("pyarrow.parquet.ParquetWriter",)) >= 10
    assert published(f"out{number}") == wanted


def test_allocations(tmp_path: Path, model: str, codec: SecoustiCodec, loaded_once: None) -> None:
    """For want of memory one recording is a fault: the others are what they would be."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for i in range(3):
        save_audio(folder / f"{i}.wav", toy_speech(0.5, seed=i), 22050)
    files.encode([str(folder)], str(out), model=model)
    wanted = below(out)
    real = codec.encode_reader
    for at in range(3):
        calls = iter(range(3))

        def scarce(audio: Any, at: int = at, calls: Any = calls) -> Any:
            if next(calls) == at:
                raise MemoryError
            return real(audio)

        with patch.object(codec, "encode_reader", scarce):
            results = files.encode([str(folder)], str(tmp_path / f"out{at}"), model=model)
        assert [result.error is None for result in results] == [i != at for i in range(3)]
        with suppress(SecoustiError):
            files.encode([str(folder)], str(tmp_path / f"out{at}"), model=model)
        assert below(tmp_path / f"out{at}") == wanted
