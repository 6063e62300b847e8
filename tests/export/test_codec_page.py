"""The codec inside the documentation: a frame where it could be made, else a sentence."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

HOOK = Path(__file__).parents[2] / "docs" / "codec_page.py"
pytestmark = pytest.mark.skipif(not HOOK.is_file(), reason="the documentation is not here")
PAGE = SimpleNamespace(url="hear/")


@pytest.fixture
def hook() -> ModuleType:
    """As MkDocs loads it."""
    spec = importlib.util.spec_from_file_location("codec_page", HOOK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [("", "SECOUSTI_PAGE=1"), ("nowhere.tgz", "nowhere.tgz is no npm package")],
)
def test_a_sentence_where_there_is_no_page(
    hook: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    wanted: str,
    sentence: str,
) -> None:
    monkeypatch.setenv("SECOUSTI_PAGE", wanted)
    text = hook.on_page_markdown(f"before\n\n{hook.MARKER}\n\nafter", page=PAGE)
    assert sentence in text
    assert "iframe" not in text
    hook.on_post_build({"site_dir": str(tmp_path)})
    assert not list(tmp_path.iterdir())


def test_the_frame_and_its_files(
    hook: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made, site = tmp_path / "made", tmp_path / "site"
    made.mkdir()
    (made / "index.html").write_text("the page")
    monkeypatch.setenv("SECOUSTI_PAGE", "1")
    monkeypatch.setattr(hook, "_export", lambda runtime: made)
    text = hook.on_page_markdown(hook.MARKER, page=PAGE)
    assert '<iframe src="../try/index.html"' in text
    assert hook.on_page_markdown("no marker", page=PAGE) == "no marker"
    hook.on_post_build({"site_dir": str(site)})
    assert (site / "try" / "index.html").read_text() == "the page"


def test_a_page_asks_for_it() -> None:
    assert "<!-- the codec in this page -->" in (HOOK.parent / "hear.md").read_text("utf-8")
