"""Files that appear whole or not at all, with the rights that a user expects."""

from __future__ import annotations

import errno
import os
import stat

import pytest
import torch
from safetensors.torch import save_file

from secousti.atomic import replacing, write_json, write_text
from secousti.errors import SecoustiError


def mode_of(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_new_files_have_the_umasks_mode(tmp_path, umask: int, mode: int) -> None:
    """safetensors makes its files for the owner alone: nobody else on a server could load them."""
    before = os.umask(umask)
    try:
        with replacing(tmp_path / "new" / "model.safetensors") as partial:
            save_file({"a": torch.zeros(1)}, partial)
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new" / "model.safetensors") == mode


def test_an_older_file_keeps_its_mode_and_a_link_stays(tmp_path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real.name)
    write_text(link, "new")
    assert link.is_symlink()
    assert (real.read_text(), mode_of(real)) == ("new", 0o640)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["link.txt", "real.txt"]


def test_what_fails_leaves_the_older_file(tmp_path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"a": "ä"})
    with pytest.raises(ValueError, match="Out of range float"):
        write_json(path, float("nan"))
    with pytest.raises(TypeError), replacing(path) as partial:
        partial.write_bytes("text")  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt), replacing(path):
        raise KeyboardInterrupt
    assert path.read_text("utf-8") == '{\n  "a": "ä"\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_a_sentence(tmp_path) -> None:
    full = pytest.raises(SecoustiError, match=r"a.bin cannot be written: No space left")
    with full, replacing(tmp_path / "a.bin") as partial:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(partial))
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_something_else_stays_what_it_is(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"), replacing(tmp_path / "a"):
        (tmp_path / "missing").read_text()


def test_only_files_are_replaced(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/null"):
        with pytest.raises(SecoustiError, match="no regular file"), replacing(path):
            pass
    with pytest.raises(SecoustiError, match="x cannot be written"):
        write_text(tmp_path / "pipe" / "x", "")


def test_long_names_and_two_writers(tmp_path) -> None:
    path = tmp_path / ("声" * 83 + ".txt")  # 253 bytes of the 255 that file systems take
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"
