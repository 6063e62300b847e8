"""Guides: the blocks of the pages that are marked runnable, as a reader would run them.

``<!-- runnable: NAME -->`` stands in the line before a fence of ``bash``, ``sh`` or ``python``. The
blocks of a name run in the order of the page, as one script, in a fresh clone of their own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

REPO = Path(__file__).parents[2]
PAGES = (REPO / "README.md", *sorted((REPO / "docs").glob("*.md")))
BLOCK = re.compile(
    r"^(?P<indent> *)<!-- runnable: (?P<name>[\w-]+) -->\n *```(?P<kind>\w+)\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
_MADE = {".venv", "runs", "corpora", "cache", "site", "build", "dist"}  # by users, at the top
_CACHES = shutil.ignore_patterns("__pycache__", ".*_cache", ".hypothesis", "*.egg-info")
_SOUNDS = shutil.ignore_patterns("*.wav", "*.sct")  # of commands that were tried at the top


def guides() -> dict[str, str]:
    """Scripts by the name of their guide."""
    scripts: dict[str, str] = defaultdict(str)
    for page in PAGES:
        for block in BLOCK.finditer(page.read_text("utf-8")):
            scripts[block["name"]] += _as_shell(block["kind"], _dedent(block))
    return dict(scripts)


def _dedent(block: re.Match[str]) -> str:
    indent = len(block["indent"])
    return "".join(line[indent:] for line in block["text"].splitlines(keepends=True))


def _as_shell(kind: str, text: str) -> str:
    assert kind in ("bash", "sh", "python"), kind
    return f"python - <<'END OF PYTHON'\n{text}END OF PYTHON\n" if kind == "python" else text


def fresh_clone(folder: Path) -> Path:
    """The files that a clone of this checkout would have."""
    if not (REPO / ".git").exists():  # a copy of the tracked files already
        shutil.copytree(REPO, folder, ignore=_not_in_a_clone, copy_function=_link)
        return folder
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPO, capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        if (REPO / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            _link(REPO / name, folder / name)
    return folder


def _not_in_a_clone(folder: str, names: list[str]) -> set[str]:
    made = _MADE.intersection(names) | _SOUNDS(folder, names) if Path(folder) == REPO else set()
    return made | _CACHES(folder, names)


def _link(source: str | Path, target: str | Path) -> None:
    """The 80 MB of models are not copied where the disk is the same."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def run(script: str, clone: Path) -> subprocess.CompletedProcess[str]:
    """A guide's script in its clone, as in an environment where the clone is installed."""
    programs = clone.with_name(f"{clone.name}-bin")
    programs.mkdir()
    for name, module in (("secousti", "-m secousti"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {module} "$@"\n')
        program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone),
        "SECOUSTI_GUIDE_STEPS": "2",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
    )
