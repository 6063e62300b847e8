"""docs/sct-format.md says what the code does."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path

from secousti.cli.info import _bytes
from secousti.container import Header, Reader

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "sct-format.md").read_text(encoding="utf-8")


def make_example(path: Path) -> None:
    spec = importlib.util.spec_from_file_location("example", DOCS / "examples" / "sct_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(str(path))


def test_the_worked_example_is_what_the_command_prints(tmp_path: Path) -> None:
    path = tmp_path / "example.sct"
    make_example(path)
    shown = TEXT.split("--bytes\n", 1)[1].split("\n```", 1)[0]
    assert "\n".join(_bytes(str(path))) == shown


def test_the_bytes_shown_are_the_file(tmp_path: Path) -> None:
    path = tmp_path / "example.sct"
    make_example(path)
    rows = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} ?)+)", TEXT, re.MULTILINE)
    data = b"".join(bytes.fromhex(row) for _, row in rows)
    assert data == path.read_bytes()
    with open(path, "rb") as file:
        assert len(list(Reader(file))) == 4


def test_every_header_field_is_explained() -> None:
    for field in dataclasses.fields(Header):
        assert f"| `{field.name}` |" in TEXT
