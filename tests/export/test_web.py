"""What of ``export --format web`` needs no browser: the page it makes, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from secousti.errors import SecoustiError
from secousti.export.web import OVERLAY, PAGE, export_web, page_facts, page_without_server
from tests.toy import toy_codec


def test_the_page_without_a_server() -> None:
    html = page_without_server((PAGE / "index.html").read_text("utf-8"))
    text = re.sub(r"<[^>]*>", " ", html)
    assert "server" not in text.split("<body>")[-1].lower()
    assert "Content-Security-Policy" in html
    assert ".sct" in re.search(r'id="file"[^>]*', html)[0]  # type: ignore[index]
    with pytest.raises(SecoustiError, match="has no place"):
        page_without_server("<html></html>")


def test_every_module_finds_what_it_imports() -> None:
    """Names that the page's modules import are exported by the file that the site has for them."""
    files = {
        p.relative_to(root).as_posix(): p for root in (PAGE, OVERLAY) for p in root.rglob("*.js")
    }
    for name, path in files.items():
        for names, source in re.findall(r'import \{([^}]*)\} from "(\.[^"]*)"', path.read_text()):
            if "ort/" in source:
                continue
            target = (Path("/") / name).parent / source
            found = files[target.resolve().relative_to("/").as_posix()].read_text()
            for wanted in filter(
                None, (part.split(" as ")[0].strip() for part in names.split(","))
            ):
                exported = rf"export (async )?(function|class|const) ([^;]*, )?{wanted}\b"
                assert re.search(exported, found), f"{name}: {wanted} of {source}"


def test_what_is_refused_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match="onnxruntime-web"):
        export_web(toy_codec(), tmp_path / "site", runtime=tmp_path)
    (tmp_path / "a.tgz").write_bytes(b"no archive")
    with pytest.raises(SecoustiError, match="no npm package"):
        export_web(toy_codec(), tmp_path / "site", runtime=tmp_path / "a.tgz")
    with pytest.raises(SecoustiError, match="do not look ahead"):
        export_web(toy_codec(mode="centered"), tmp_path / "site", runtime=tmp_path)
    assert not (tmp_path / "site").exists()


def test_facts_for_files() -> None:
    codec = toy_codec()
    facts = page_facts(codec, "all")
    assert facts["token_hash"] == codec.token_hash
    assert facts["page"]["codebook_size"] == codec.codebook_size
