"""A hook of MkDocs: the static page of ``export --format web`` inside the documentation.

    SECOUSTI_PAGE=1 mkdocs build                     # onnxruntime-web from npm
    SECOUSTI_PAGE=onnxruntime-web-1.30.0.tgz mkdocs build

The page goes to ``try/`` of the site, 64 MB with the codec, and ``MARKER`` in a page becomes a
frame that loads it when a reader asks for it. Without the variable, or where the page cannot be
made, a sentence takes the frame's place.
"""

from __future__ import annotations

import functools
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

MARKER = "<!-- the codec in this page -->"
FOLDER = "try"
log = logging.getLogger(f"mkdocs.hooks.{__name__}")

FRAME = """
<details class="codec-page">
<summary>
Load the codec into this page: {size:.0f} MB, computed in your browser; nothing is sent
</summary>
<iframe src="{folder}/index.html" loading="lazy" allow="microphone" title="The codec here"
 style="width: 100%; height: 60rem; border: 0"></iframe>
</details>

[The same in a page of its own]({folder}/index.html){{ target=_blank }}
"""
ABSENT = "*This copy of the documentation was built without the codec: {why}*\n"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The frame, or the sentence."""
    if MARKER not in markdown:
        return markdown
    made, why = _made()
    if made is None:
        return markdown.replace(MARKER, ABSENT.format(why=why))
    up = "../" * page.url.count("/")
    return markdown.replace(MARKER, FRAME.format(folder=up + FOLDER, size=_size(made)))


def on_post_build(config: Any) -> None:
    """Puts the page's files into the site."""
    made, _ = _made()
    if made is not None:
        shutil.copytree(made, Path(config["site_dir"]) / FOLDER, dirs_exist_ok=True)


@functools.cache
def _made() -> tuple[Path | None, str]:
    """The page's folder, made once a process; or why there is none."""
    wanted = os.environ.get("SECOUSTI_PAGE", "")
    if not wanted:
        return None, "build it with `SECOUSTI_PAGE=1 mkdocs build`."
    try:
        return _export(None if wanted == "1" else wanted), ""
    except Exception as problem:  # the rest of the documentation does not wait for this
        log.info("no codec in the documentation: %s", problem)
        return None, f"{str(problem).rstrip('.')}."


def _export(runtime: str | None) -> Path:
    from secousti import load_codec
    from secousti.export.web import export_web

    folder = tempfile.TemporaryDirectory(prefix="secousti-page-")
    _kept.append(folder)
    export_web(load_codec("mini-21hz"), folder.name, runtime=runtime, int8=True)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []  # until the process ends


def _size(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
