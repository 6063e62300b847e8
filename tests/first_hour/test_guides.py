"""Each guide runs as printed, from a fresh clone and nothing else; trainings for two steps."""

from __future__ import annotations

from pathlib import Path

import pytest

from .guides import BLOCK, PAGES, fresh_clone, guides, run

# What a guide leaves, or its text would lie.
LEFT = {
    "readme": ["again.wav", "speech.sct", "new.wav", "live.wav", "tokens/index.json"],
    "hear": ["back.wav", "speech.sct", "again.wav", "converted.wav"],
    "corpus": ["tokens/index.json", "heard/speech.wav", "heard/voice.wav"],
    "live": ["heard.wav", "piped.wav"],
    "voice": ["runs/me/report.md", "runs/me/report/report.html", "mine.wav"],
    "train": ["corpora/mini/train.jsonl", "runs/try/codec/config.json", "try.wav"],
}


def test_every_mark_is_found() -> None:
    marks = sum(page.read_text("utf-8").count("<!-- runnable:") for page in PAGES)
    assert marks == sum(len(BLOCK.findall(page.read_text("utf-8"))) for page in PAGES)
    assert guides().keys() >= LEFT.keys()


@pytest.mark.parametrize("name", sorted(guides()))
def test_a_guide_runs_as_printed(name: str, tmp_path: Path) -> None:
    clone = fresh_clone(tmp_path / "secousti")
    done = run(guides()[name], clone)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    for path in LEFT.get(name, []):
        assert (clone / path).stat().st_size, path
