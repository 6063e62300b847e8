"""``export --format web``: a static folder in which a browser is the codec, without a server.

It is the page of ``secousti demo`` (``serve/page``) with ``web_page`` laid over it: what the demo's
page asks its server is answered by a worker that runs the exported graphs in onnxruntime-web,
whose files come from its npm package.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from secousti.atomic import replacing, write_text
from secousti.base import Codec
from secousti.container.encoded import codec_header
from secousti.container.version2.facts import kind_byte
from secousti.errors import SecoustiError
from secousti.export.weights import pool
from secousti.export.write import METADATA, Exported, check_free, export, single_precision
from secousti.sessions.description import describe

PAGE = Path(__file__).parent.parent / "serve" / "page"
OVERLAY = Path(__file__).with_name("web_page")
ONNXRUNTIME = "onnxruntime-web@1.30.0"
# The build for the processor alone: no WebGPU, no WebNN.
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
WEIGHTS = "weights.bin"
TOGETHER = 8  # tokens of a call for a recording: more are hardly faster
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self'; media-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'"
)
FOOTER = (
    'Your sound stays in this browser: the codec itself came from <span id="host">here</span> with '
    "the page, and nothing is sent anywhere."
)


def export_web(
    codec: Codec,
    folder: str | Path,
    *,
    runtime: str | Path | None = None,
    int8: bool = False,
    force: bool = False,
) -> Exported:
    """Write the site into ``folder``; any server of static files can show it.

    Args:
        runtime: a folder or .tgz with the npm package onnxruntime-web; fetched with ``npm pack``
            if not given.
        int8: the decoder's matrices in 8 bits, half as much to load; ids stay what they are.
        force: write over an earlier export.

    Raises:
        SecoustiError: as ``export``; a codec that needs more than one codebook or looks ahead;
            npm is missing or has no network.
    """
    folder, mode = Path(folder), _mode(codec)
    if codec.lookahead or codec.num_codebooks != 1:
        raise SecoustiError(
            f"the model {codec.model_id!r} cannot run in the page, which knows codecs of one "
            "codebook that do not look ahead"
        )
    check_free(folder / "model", force)
    with tempfile.TemporaryDirectory() as temporary:
        files = _runtime(runtime, Path(temporary))
        # Sound in float64 would be many times as slow and no better; tokens stay what they are.
        single = single_precision(codec, "decode_precision")
        done = _graphs(single, folder / "model", Path(temporary), int8, mode, force)
        (folder / "ort").mkdir(exist_ok=True)
        for name in RUNTIME_FILES:
            shutil.copyfile(files / name, folder / "ort" / name)
    about = json.loads((folder / "model" / METADATA).read_text("utf-8"))
    write_text(folder / "model" / METADATA, json.dumps(about | page_facts(codec, mode)) + "\n")
    for source in (PAGE, OVERLAY):
        shutil.copytree(source, folder, dirs_exist_ok=True)
    page = folder / "index.html"
    with replacing(page) as partial:
        partial.write_text(page_without_server(page.read_text("utf-8")), encoding="utf-8")
    return replace(done, folder=folder)


def _graphs(
    codec: Codec, folder: Path, temporary: Path, int8: bool, mode: str, force: bool
) -> Exported:
    """Graphs for one token, and for ``TOGETHER`` where nobody waits, over the same weights."""

    def run(into: Path, tokens: int) -> Exported:
        return export(
            codec,
            into,
            int8=int8,
            integer_products=False,
            mode=mode,
            tokens=tokens,
            force=force,
        )

    many = run(temporary / "many", TOGETHER).files
    done = run(folder, 1)
    ones = {path: path for path in done.files if path.suffix == ".onnx"}
    together = {
        folder / f"{path.stem}.{TOGETHER}.onnx": path for path in many if path.suffix == ".onnx"
    }
    pool({**ones, **together}, folder / WEIGHTS)
    files = [*ones, *together, folder / WEIGHTS, folder / METADATA]
    return replace(done, files=files)


def page_facts(codec: Codec, mode: str) -> dict[str, Any]:
    """What the page and its ``.sct`` files need to know besides what is in every export."""
    header = codec_header(codec, payload="packed", voice_form=0)
    facts: dict[str, Any] = {
        "profile": kind_byte(header),
        "token_hash": codec.token_hash,
        "voice_hash": codec.voice_hash,
        "together": TOGETHER,
        "page": {"name": codec.model_id, **describe(codec, mode)},
    }
    code = None if codec.coder is None else codec.coder.voice
    if code is not None:
        tensors = {name: code.tensors[name].tolist() for name in ("mean", "basis", "reach")}
        sizes = {str(sum(bits) // 8): bits for bits in code.tensors["bits"].tolist()}
        facts["voice_code"] = {**tensors, "bits": sizes}
    return facts


def _mode(codec: Codec) -> str:
    """The first way to decode in which the codec streams.

    Raises:
        SecoustiError: there is none.
    """
    codec.check_decodes()
    found = next((mode for mode in codec.modes if codec.streams(mode)), None)
    if found is None:
        raise SecoustiError(f"the model {codec.model_id!r} decodes no stream in any mode")
    return found


def page_without_server(html: str) -> str:
    """The demo's page where no server is: what is only for one is taken out.

    Raises:
        SecoustiError: the page has changed in a place that is replaced here.
    """
    for pattern, text in _CHANGES:
        html, count = re.subn(pattern, text, html, count=1, flags=re.DOTALL)
        if count != 1:
            raise SecoustiError(f"the demo's page has no place {pattern!r} any more")
    return html


_CHANGES = (
    (
        r'<meta charset="utf-8" />',
        '<meta charset="utf-8" />\n    '
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}" />',
    ),
    (r"Connecting to the server …", "Loading the codec …"),
    (r'accept="audio/\*,video/\*"', 'accept="audio/*,video/*,.sct"'),
    (r'<div class="setting">(\s*<label for="loss">)', r'<div class="setting" hidden>\1'),
    (r"<summary>Voice, losses and files</summary>", "<summary>Voice and files</summary>"),
    (r"<footer>.*</footer>", f"<footer>\n      <p>{FOOTER}</p>\n    </footer>"),
)


def _runtime(given: str | Path | None, temporary: Path) -> Path:
    """The folder with onnxruntime-web's files.

    Raises:
        SecoustiError: they are not in what was given, or npm cannot fetch them.
    """
    if given is not None and Path(given).is_dir():
        return _checked(Path(given) / "dist" if (Path(given) / "dist").is_dir() else Path(given))
    archive = Path(given) if given is not None else _packed(temporary)
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
    except (OSError, tarfile.TarError) as error:
        raise SecoustiError(f"{archive} is no npm package of onnxruntime-web: {error}") from error
    return _checked(temporary / "package" / "dist")


def _packed(folder: Path) -> Path:
    command = ["npm", "pack", ONNXRUNTIME, "--silent", "--pack-destination", str(folder)]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise SecoustiError(
            "npm is needed to fetch onnxruntime-web: install Node.js, or give the package's .tgz "
            "with --runtime"
        ) from error
    except subprocess.CalledProcessError as error:
        raise SecoustiError(
            f"npm could not fetch {ONNXRUNTIME} ({error.stderr.strip()[-200:]}): give its .tgz "
            "with --runtime"
        ) from error
    return folder / ran.stdout.split()[-1]


def _checked(folder: Path) -> Path:
    missing = [name for name in RUNTIME_FILES if not (folder / name).is_file()]
    if missing:
        raise SecoustiError(f"{folder} lacks {', '.join(missing)} of onnxruntime-web")
    return folder
