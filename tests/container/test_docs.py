"""docs/sct-format.md says what the code does."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path

from secousti.cli.info import _bytes
from secousti.container import Header, Reader
from secousti.container.version2.facts import PROFILES, RATES

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "sct-format.md").read_text(encoding="utf-8")


def make_examples(folder: Path) -> tuple[Path, Path]:
    spec = importlib.util.spec_from_file_location("example", DOCS / "examples" / "sct_example.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    whole, stream = folder / "whole.sct", folder / "stream.sct"
    module.main(str(whole), False)
    module.main(str(stream), True)
    return whole, stream


def shown(text: str) -> list[str]:
    """What the document says that each ``--bytes`` command prints."""
    parts = re.split(r"^\$ .*--bytes\n", text, flags=re.MULTILINE)[1:]
    return [re.split(r"^(?:```|\$ )", part, flags=re.MULTILINE)[0].rstrip() for part in parts]


def test_the_worked_examples_are_what_the_command_prints(tmp_path: Path) -> None:
    paths = make_examples(tmp_path)
    for path, said in zip(paths, shown(TEXT), strict=True):
        assert "\n".join(_bytes(str(path))) == said


def test_the_bytes_shown_are_the_files(tmp_path: Path) -> None:
    old = (DOCS / "sct-format-1.md").read_text(encoding="utf-8")
    example = Path(__file__).parents[1] / "vectors" / "v1" / "example.sct"
    paths = (*make_examples(tmp_path), example)
    for path, said in zip(paths, [*shown(TEXT), *shown(old)], strict=True):
        rows = re.findall(r"^ *(\d+)  ((?:[0-9a-f]{2} ?)+)", said, re.MULTILINE)
        data = b"".join(bytes.fromhex(row) for _, row in rows)
        assert data == path.read_bytes()
        with open(path, "rb") as file:
            assert len(list(Reader(file))) in (2, 4)


def test_every_header_field_of_version_1_is_explained() -> None:
    old = (DOCS / "sct-format-1.md").read_text(encoding="utf-8")
    later = {"token_hash", "voice_hash", "coder_hash", "voice_form"}
    for field in dataclasses.fields(Header):
        assert f"| `{field.name}` |" in old or field.name in later


def test_profiles_and_rates_are_those_of_the_page() -> None:
    for number, (rate, frame, size, books, levels, voice) in PROFILES.items():
        digits = f"{levels[0]} x {len(levels)}" if levels else "none"
        said = f"| {number} | {rate} | {frame} | {size} | {books} | {digits} | {voice or 'none'} |"
        assert said in TEXT
    assert ", ".join(map(str, RATES.values())) in TEXT.replace("\n", " ")
