"""What of ``export --format web`` needs no browser: the page it makes, and what it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.export.web import (
    OVERLAY,
    PAGE,
    RUNTIME_FILES,
    TOGETHER,
    export_web,
    page_facts,
    page_without_server,
)
from tests.toy import toy_codec, toy_speech

STEPS = {1: "", TOGETHER: f".{TOGETHER}"}
TYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(double)": np.float64}


def test_the_page_without_a_server() -> None:
    html = page_without_server((PAGE / "index.html").read_text("utf-8"))
    text = re.sub(r"<[^>]*>", " ", html)
    assert "server" not in text.split("<body>")[-1].lower()
    assert "server" not in re.search(r"PLACES = \{(.*)\}", (OVERLAY / "server.js").read_text())[
        1
    ].replace("server:", "")  # type: ignore[index]
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


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site with 8-bit matrices, without the runtime."""
    pytest.importorskip("onnxscript")
    runtime = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME_FILES:
        (runtime / name).touch()
    folder = tmp_path_factory.mktemp("site") / "site"
    done = export_web(toy_codec(), folder, runtime=runtime, int8=True).agreement
    assert (done.equal, done.tokens) == (80, 80)
    assert done.mel is not None
    assert 0 < done.mel < 1  # the decoder's matrices are rounded, the encoder's are not
    return folder


def test_one_token_or_several_from_one_state(site: Path) -> None:
    """What the page does: a graph for one token and one for eight take turns in one stream."""
    ort = pytest.importorskip("onnxruntime")
    codec = toy_codec()
    wav = toy_speech(2.0)[:, : 40 * codec.frame_size]
    graphs = {
        n: ort.InferenceSession(site / "model" / f"encoder{s}.onnx") for n, s in STEPS.items()
    }
    state = {
        i.name: np.zeros(i.shape, TYPES[i.type])
        for i in graphs[1].get_inputs()
        if i.name.startswith("state.")
    }
    found, at = [], 0
    for tokens in (1, TOGETHER, 1, 1, TOGETHER, TOGETHER, 1):
        audio = wav[:, at : at + tokens * codec.frame_size].numpy()
        codes, *new = graphs[tokens].run(None, {"audio": audio, **state})
        state, at = dict(zip(state, new, strict=True)), at + tokens * codec.frame_size
        found += codes[0, 0].tolist()
    assert found == codec.encode(wav[:, :at], codec.sample_rate).codes[0, 0].tolist()


def test_weights_are_stored_once(site: Path) -> None:
    """Those of both kinds of graphs, in one file."""
    onnx = pytest.importorskip("onnx")
    stored, places = (site / "model" / "weights.bin").stat().st_size, set()
    for path in (site / "model").glob("*.onnx"):
        model = onnx.load(path, load_external_data=False)
        for weight in model.graph.initializer:
            if weight.data_location == weight.EXTERNAL:
                about = {entry.key: entry.value for entry in weight.external_data}
                places.add((int(about["offset"]), int(about["length"])))
    assert sum(length for _, length in places) <= stored < 1.02 * sum(n for _, n in places) + 64
    assert json.loads((site / "model" / "export.json").read_text())["together"] == TOGETHER
