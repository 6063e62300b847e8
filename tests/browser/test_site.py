"""The static page of ``export --format web``: the codec in the browser, offline."""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from secousti import load_codec
from secousti.audio.resample import resampler
from secousti.container import Writer
from secousti.container.encoded import (
    codec_coders,
    codec_header,
    load_encoded,
    read_encoded,
    write_encoded,
)
from secousti.export.web import page_facts
from secousti.voice import quantize
from tests.browser.page import DEADLINE, Page
from tests.toy import toy_speech

pytest.importorskip("onnxscript", reason="export needs pip install 'secousti[export]'")


@pytest.fixture(scope="module")
def site(browser: object, toy_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written by the command; npm fetches onnxruntime-web unless ONNXRUNTIME_WEB names its .tgz."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = ["-m", "secousti", "export", "--format", "web", "-m", str(toy_model), "-o", folder]
    given = os.environ.get("ONNXRUNTIME_WEB")
    if given is None and shutil.which("npm") is None:
        pytest.skip("onnxruntime-web comes from npm: install Node.js, or set ONNXRUNTIME_WEB")
    command += ["--runtime", given] if given else []
    ran = subprocess.run([sys.executable, *command], capture_output=True, text=True)
    if "npm could not fetch" in ran.stderr:
        pytest.skip(ran.stderr)
    assert ran.returncode == 0, ran.stderr
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Of ``python -m http.server`` in the folder."""
    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(browser: Any, address: str) -> Iterator[Page]:
    """One page for all: loaded once, then offline; it asks nobody else and logs no error."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(1000 * DEADLINE)
    complaints: list[str] = []
    raw = context.new_page()
    raw.on("pageerror", lambda error: complaints.append(str(error)))
    raw.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    ours = (address, f"blob:{address}")
    raw.on("request", lambda r: None if r.url.startswith(ours) else complaints.append(r.url))
    raw.goto(address)
    opened = Page(raw).wait_until_ready()
    raw.evaluate("Promise.all([import('./resample.js'), import('./sct.js')])")
    raw.evaluate("document.querySelector('#settings').open = true")
    opened.hurry()
    context.set_offline(True)
    yield opened
    context.close()
    assert complaints == []


def test_a_file_has_the_ids_of_the_command(page: Page, toy_model: Path, tmp_path: Path) -> None:
    codec = load_codec(toy_model)
    speech = tmp_path / "speech.wav"
    soundfile.write(speech, toy_speech(2.3, seed=3)[0].numpy(), codec.sample_rate)
    page.drop(speech, "speech")
    page.finish()
    want = codec.encode(speech)
    path = page.download("Tokens (.sct)", tmp_path)
    bits = [page.number(f"file-{part}") for part in ("tokens", "voice", "container")]
    assert sum(bits) == pytest.approx(page.number("file-all"), abs=3)
    assert page.number("file-all") == pytest.approx(8 * path.stat().st_size / 2.3, rel=0.05)
    kept = load_encoded(path)
    assert kept.codes.tolist() == want.codes.tolist()
    assert kept.num_samples.tolist() == want.num_samples.tolist()
    assert (quantize(kept.paralinguistic) - quantize(want.paralinguistic)).abs().max() <= 1
    assert page.number("token-count") == want.codes.shape[-1]
    heard, rate = soundfile.read(page.download("Sound (.wav)", tmp_path))
    assert rate == codec.sample_rate
    assert len(heard) == int(want.num_samples[0])


def test_opens_what_the_command_writes(page: Page, toy_model: Path, tmp_path: Path) -> None:
    codec = load_codec(toy_model)
    speech, tokens = tmp_path / "speech.wav", tmp_path / "speech.sct"
    soundfile.write(speech, toy_speech(1.6, seed=5)[0].numpy(), codec.sample_rate)
    command = ["encode", str(speech), "-o", str(tokens), "-m", str(toy_model)]
    ran = subprocess.run([sys.executable, "-m", "secousti", *command, "--entropy", "packed"])
    assert ran.returncode == 0
    page.drop(tokens, "speech")
    page.finish()
    heard, _ = soundfile.read(page.download("Sound (.wav)", tmp_path))
    want = codec.decode(load_encoded(tokens))[0, 0].numpy()
    np.testing.assert_allclose(heard[: len(want)], want, atol=1e-3)
    again = load_encoded(page.download("Tokens (.sct)", tmp_path))
    assert again.codes.tolist() == load_encoded(tokens).codes.tolist()
    tokens.write_bytes(tokens.read_bytes()[:-9])
    page.drop(tokens, "speech")
    assert "cut short" in page.wait_for_problem()
    page.click("Understood")


def test_the_microphone(page: Page, toy_model: Path, tmp_path: Path) -> None:
    page.click("Speak")
    page.wait_until(lambda: page.text("status").startswith("Listening"))
    page.raw.wait_for_timeout(1000)  # until the figures are those of this session
    page.wait_for_tokens(12)
    page.click("Stop")
    page.finish()
    assert page.text("status").startswith("Done")
    assert page.colours("raster") > 3
    kept = page.download("Tokens (.sct)", tmp_path)
    command = ["decode", str(kept), "-o", str(tmp_path / "back.wav"), "-m", str(toy_model)]
    assert subprocess.run([sys.executable, "-m", "secousti", *command]).returncode == 0
    assert soundfile.info(tmp_path / "back.wav").frames > 12 * 1024 - 1024


RESAMPLE = """
async ([samples, from, to]) => {
  const { Resampler } = await import("./resample.js");
  const stream = new Resampler(from, to), resampled = [];
  for (let at = 0; at < samples.length; at += 777) {
    resampled.push(...stream.push(Float32Array.from(samples.slice(at, at + 777))));
  }
  return [...resampled, ...stream.flush()];
}
"""


@pytest.mark.parametrize("rates", [(16000, 22050), (48000, 22050), (22050, 44100)])
def test_resampled_as_the_codec_does_it(page: Page, rates: tuple[int, int]) -> None:
    speech = toy_speech(0.4, rates[0])[0]
    want = resampler(*rates)(speech).numpy()
    found = page.raw.evaluate(RESAMPLE, [speech.tolist(), *rates])
    assert len(found) == len(want)
    np.testing.assert_allclose(found, want, atol=1e-6)


READ = """
async ([bytes, about]) => {
  const { readTokens } = await import("./sct.js");
  try {
    const { tokens, voice, samples } = readTokens(Uint8Array.from(bytes), about, "x.sct");
    return { tokens: [...tokens], voice: voice && [...voice], samples };
  } catch (error) {
    return error.message;
  }
}
"""


def test_both_forms_of_files(page: Page) -> None:
    """Whole and as a stream with places to begin, voices in the codec's own code."""
    codec = load_codec("mini-21hz")
    about = page_facts(codec, "all") | {
        name: getattr(codec, name)
        for name in ("sample_rate", "frame_size", "codebook_size", "voice_size")
    }
    found = codec.encode(toy_speech(2.0), 22050)
    header = codec_header(codec, payload="packed")
    whole, stream = io.BytesIO(), io.BytesIO()
    write_encoded(whole, found, header, coder=codec.coder)
    ids, told = found.codes[0].repeat(1, 40), int(found.codes.shape[-1]) * 40 * codec.frame_size
    writer = Writer(stream, header, run_frames=64, coder=codec.coder)
    for i, portion in enumerate(ids.split(100, dim=1)):
        if i < 5:
            writer.write_voice(quantize(found.paralinguistic[0]).numpy())
        writer.write(portion.numpy())
        writer.flush()
    writer.finish(told - 100)
    for file, codes, samples in (
        (whole, found.codes[0], int(found.num_samples[0])),
        (stream, ids, told - 100),
    ):
        read = page.raw.evaluate(READ, [list(file.getvalue()), about])
        assert read["tokens"] == codes[0].tolist()
        assert read["samples"] == samples
        ours, _ = read_encoded(io.BytesIO(file.getvalue()), coders=codec_coders(codec))
        assert read["voice"] == quantize(ours.paralinguistic[0]).tolist()
    damaged = bytearray(stream.getvalue())
    damaged[len(damaged) // 2] ^= 1
    assert "damaged" in page.raw.evaluate(READ, [list(damaged), about])
    learned = io.BytesIO()
    write_encoded(learned, found, codec_header(codec), coder=codec.coder)
    assert "--entropy packed" in page.raw.evaluate(READ, [list(learned.getvalue()), about])
    other = about | {"token_hash": "0" * 16}
    assert "another model" in page.raw.evaluate(READ, [list(whole.getvalue()), other])
