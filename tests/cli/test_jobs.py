"""Which file becomes which."""

from __future__ import annotations

from pathlib import Path

import pytest

from secousti.errors import SecoustiError
from secousti.files.jobs import Job, Result, plan, run
from secousti.files.progress import Told

WAV = {".wav", ".flac"}


def pairs(jobs: list[Job], base: Path) -> list[tuple[str, str]]:
    return [
        (str(Path(j.source).relative_to(base)), str(Path(j.target).relative_to(base))) for j in jobs
    ]


def touch(base: Path, *names: str) -> None:
    for name in names:
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_one_file_to_a_name_or_into_a_folder(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    (tmp_path / "out").mkdir()
    source = str(tmp_path / "a.wav")
    for output, target in [("b.sct", "b.sct"), ("out", "out/a.sct"), ("new/", "new/a.sct")]:
        jobs = plan([source], f"{tmp_path}/{output}", WAV, ".sct", False)
        assert pairs(jobs, tmp_path) == [("a.wav", target)]
        assert jobs[0].problem is None


def test_a_tree_is_mirrored(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "in/x/b.FLAC", "in/x/c.txt", "in/.d.wav", "e.wav")
    jobs = plan([f"{tmp_path}/in", f"{tmp_path}/e.wav"], f"{tmp_path}/out", WAV, ".sct", False)
    assert pairs(jobs, tmp_path) == [
        ("in/a.wav", "out/a.sct"),
        ("in/x/b.FLAC", "out/x/b.sct"),
        ("e.wav", "out/e.sct"),
    ]


def test_what_would_be_lost_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "in/a.flac", "in/b.wav", "out/b.sct", "c.wav")
    jobs = plan([f"{tmp_path}/in"], f"{tmp_path}/out", WAV, ".sct", False)
    problems = {Path(job.source).name: job.problem for job in jobs}
    assert problems["a.flac"] is None
    assert problems["a.wav"] is None
    assert {Path(job.target).name for job in jobs} == {"a.wav.sct", "a.flac.sct", "b.sct"}
    twice = plan([f"{tmp_path}/c.wav", f"{tmp_path}/c.wav"], f"{tmp_path}/out", WAV, ".sct", False)
    assert "already made from" in str(twice[1].problem)
    assert "exists already; --force" in str(problems["b.wav"])
    forced = plan([f"{tmp_path}/in/b.wav"], f"{tmp_path}/out", WAV, ".sct", True)
    assert forced[0].problem is None
    itself = plan([f"{tmp_path}/c.wav"], f"{tmp_path}/c.wav", WAV, ".sct", True)
    assert "is the input itself" in str(itself[0].problem)
    missing = plan([f"{tmp_path}/nix.wav"], f"{tmp_path}/d.sct", WAV, ".sct", True)
    assert "no such file" in str(missing[0].problem)


def test_pipes_stand_alone(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    assert plan(["-"], "-", WAV, ".sct", False)[0].target == "-"
    for inputs, output in [
        (["-", "a.wav"], "out"),
        (["a.wav", "b.wav"], "-"),
        ([str(tmp_path)], "-"),
    ]:
        with pytest.raises(SecoustiError, match="one input and one output"):
            plan(inputs, output, WAV, ".sct", False)


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match=r"holds no files that end in \.flac, \.wav"):
        plan([str(tmp_path)], "out", WAV, ".sct", False)


def test_one_failure_does_not_stop_the_others() -> None:
    def work(job: Job, told: Told) -> Result:
        if job.source == "bad":
            raise SecoustiError("bad luck")
        return Result(job, duration=1.0)

    jobs = [Job("a", "A"), Job("bad", "B"), Job("c", "C"), Job("d", "D", "in the way")]
    assert [result.error for result in run(jobs, work, None)] == [
        None,
        "bad luck",
        None,
        "in the way",
    ]
    with pytest.raises(SecoustiError, match="bad luck"):
        run([Job("bad", "B")], work, None)
