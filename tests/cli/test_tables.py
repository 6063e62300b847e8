"""Tables fit wherever they are printed, and remedies name what works."""

from __future__ import annotations

import builtins
import csv
import io
import json
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from secousti import errors
from secousti.errors import SecoustiError, install_command, require
from secousti.live import devices
from tests.cli.conftest import Ran

Run = Callable[..., Ran]


def test_no_column_is_cut_in_a_pipe(
    secousti: Run, speech: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown = secousti("models").out.decode()
    assert "…" not in shown
    assert all("bundled" in line for line in shown.splitlines() if "mini-" in line)
    rows = list(csv.reader(io.StringIO(secousti("models", "--format", "csv").out.decode())))
    assert rows[0] == ["name", "codec", "Hz", "bit/s", "latency", "weights", "where"]
    assert {len(row) for row in rows} == {7}
    assert "mini-21hz" in [row[0] for row in rows]
    assert secousti("encode", speech, "-m", model).code == 0
    tokens = speech.with_suffix(".sct")
    told = secousti("info", tokens, "--format", "md").out.decode().splitlines()
    assert len(told) == 3
    assert str(tokens) in told[2]
    assert len({line.count("|") for line in told}) == 1


def test_eval_s_tables_are_for_other_programs(
    secousti: Run, model: str, tree: Path, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(f"title: Two\ndata: {{path: {tree}}}\nmetrics: [lsd]\nfigures: []\n")
    command = ("eval", suite, "--codec", model, "-o", tmp_path / "report", "--format")
    told = secousti(*command, "csv")
    assert told.code == 0, told.err
    first = told.out.decode().split("\n\n")[0]
    rows = list(csv.reader(io.StringIO(first)))
    assert rows[0][:2] == ["codec", "bit/s"]
    assert len({len(row) for row in rows}) == 1
    assert len(rows) >= 2
    assert "report: " in told.err
    again = secousti(*command, "md").out.decode()
    assert all(line.startswith("|") for line in again.splitlines() if line)
    assert f"| {rows[-1][0]} |" in again


@pytest.mark.parametrize(
    ("told", "command"),
    [
        (None, "pip install 'secousti[live]'"),
        (
            {"url": "file:///src/it", "dir_info": {"editable": True}},
            "pip install -e '/src/it[live]'",
        ),
        ({"url": "file:///src/a%20b", "dir_info": {}}, "pip install '/src/a b[live]'"),
        (
            {"url": "https://host/x.git", "vcs_info": {"vcs": "git", "commit_id": "0"}},
            "pip install 'secousti[live] @ git+https://host/x.git'",
        ),
    ],
)
def test_a_remedy_fits_how_the_package_was_installed(
    told: Any, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = None if told is None else json.dumps(told)
    found = SimpleNamespace(read_text=lambda name: text)
    monkeypatch.setattr(errors, "distribution", lambda name: found)
    assert install_command("live") == command
    with pytest.raises(SecoustiError, match="no_such_package") as missing:
        require("no_such_package", "live")
    assert command in str(missing.value)


def test_a_folder_that_was_never_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(errors, "distribution", absent)
    checkout = Path(errors.__file__).parent.parent
    assert install_command("eval").startswith("pip install ")
    assert (f"{checkout}[eval]" in install_command("eval")) == (
        checkout / "pyproject.toml"
    ).is_file()


def test_portaudio_is_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def broken(module: str) -> Any:
        if module == "sounddevice":
            raise OSError("PortAudio library not found")
        return real(module)

    monkeypatch.setattr(errors.importlib, "import_module", broken)
    with pytest.raises(SecoustiError, match=r"PortAudio.*apt install libportaudio2") as found:
        devices._sounddevice()
    assert "pip" not in str(found.value)


def test_what_nobody_named_or_filled(secousti: Run, tmp_path: Path, speech: Path) -> None:
    (tmp_path / "zero.npy").touch()
    (tmp_path / "zero.wav").touch()
    for args, code, message in [
        (("encode", tmp_path / "zero.wav"), 1, "zero.wav is not audio: it is empty"),
        (
            ("decode", tmp_path / "zero.npy", "-m", "mini-21hz", "-o", "x.wav"),
            1,
            "zero.npy is empty",
        ),
        (("convert", speech, "-o", tmp_path / "x.wav"), 2, "Missing option '--voice'"),
        (("convert", speech, "-v", "nix.wav", "-o", tmp_path / "x.wav"), 1, "nix.wav cannot be"),
        (("info",), 2, "Missing argument 'IN'"),
        (("extract", "-o", tmp_path / "t"), 2, "Missing argument 'INPUT'"),
        (("extract", "nix", "-o", tmp_path / "t"), 1, "nix does not exist"),
        (("encode", speech, "-o", speech / "a.sct"), 1, "cannot be written"),
    ]:
        ran = secousti(*args)
        assert (ran.code, message in ran.err) == (code, True), (args, ran.err)
        assert "Traceback" not in ran.err
