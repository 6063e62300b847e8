"""Whole runs: reports, resuming after a kill, processes, failures that are told."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from secousti.errors import SecoustiError
from secousti.evaluation.audio import Audio
from secousti.evaluation.codecs import CODECS, Bits, Codec, CodecInfo, Coded, Entry
from secousti.evaluation.codecs import ours as ours_module
from secousti.evaluation.datasets import DataConfig
from secousti.evaluation.evaluate import evaluate
from secousti.evaluation.report.figures import CAPTIONS
from secousti.evaluation.report.summary import Summary
from secousti.evaluation.suite import ListeningConfig, Suite


class Rounder(Codec):
    """Rounds samples to 5 bits: one token a sample. Counts its calls and may fail."""

    calls = 0
    fails_on: float | None = None

    def info(self) -> CodecInfo:
        return CodecInfo(self.name, "rounder", 16000, 16000.0, (32,), version="1")

    def code(self, audio: Audio) -> Coded:
        Rounder.calls += 1
        if self.fails_on == Rounder.calls:
            raise RuntimeError("the hamster left")
        ids = np.clip(np.round(audio.samples * 16) + 16, 0, 31).astype(np.int64)
        decoded = Audio(((ids - 16) / 16).astype(np.float32), audio.rate)
        return Coded(decoded, Bits(5 * len(ids), 64, 16), [ids], 0.1, 0.2)


@pytest.fixture(autouse=True)
def rounder(monkeypatch: pytest.MonkeyPatch) -> type[Rounder]:
    monkeypatch.setattr(ours_module, "Rounder", Rounder, raising=False)
    monkeypatch.setitem(CODECS, "rounder", Entry("ours:Rounder"))
    monkeypatch.setattr(Rounder, "calls", 0)
    monkeypatch.setattr(Rounder, "fails_on", None)
    return Rounder


def suite_on(corpus: Path, **changes: Any) -> Suite:
    suite = Suite(
        title="Test",
        data=DataConfig(str(corpus)),
        codecs=("reference", "rounder"),
        metrics=("si_sdr", "lsd"),
        figures=(),
        examples=2,
    )
    return replace(suite, **changes)


def run(corpus: Path, folder: Path, **changes: Any) -> Summary:
    return evaluate(suite_on(corpus, **changes), folder / "out", cache=folder / "cache")


def test_a_report_has_every_form(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = ("quality_bitrate", "speakers", "codebook", "spectrograms")
    summary = run(corpus, tmp_path, figures=figures)
    reference, rounded = summary.rows
    assert reference.estimates["si_sdr"].mean == pytest.approx(100)
    assert 5 < rounded.estimates["si_sdr"].mean < 50
    assert rounded.bitrate == pytest.approx(80000)
    assert (rounded.side_bits, rounded.container_bitrate) == (64, pytest.approx(16.0))
    assert rounded.rtf_encode == pytest.approx(0.1)
    out = tmp_path / "out"
    document = json.loads((out / "report.json").read_text())
    assert document["codecs"][1]["tokens"][0]["codebook_size"] == 32
    assert len(document["records"]) == 12
    with (out / "utterances.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 12
    assert "| rounder |" in (out / "report.md").read_text()
    page = unescape((out / "report.html").read_text())
    assert page.count("<audio") == 4
    assert "http" not in page.replace("http-equiv", "")
    assert {path.stem for path in (out / "figures").iterdir()} == set(figures)
    assert all(CAPTIONS[name] in page for name in figures)


def test_a_second_run_codes_and_scores_nothing(corpus: Path, tmp_path: Path) -> None:
    first = run(corpus, tmp_path)
    calls = Rounder.calls
    second = run(corpus, tmp_path)
    assert Rounder.calls == calls
    assert all(record.known for record in second.records)
    assert second.rows[1].estimates == first.rows[1].estimates


def test_new_metrics_reuse_the_audio(corpus: Path, tmp_path: Path) -> None:
    run(corpus, tmp_path)
    calls = Rounder.calls
    assert "mcd" in run(corpus, tmp_path, metrics=("lsd", "mcd")).rows[1].estimates
    assert Rounder.calls == calls


def test_a_failing_codec_is_reported_and_the_run_goes_on(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rounder, "fails_on", 2)
    summary = run(corpus, tmp_path)
    assert list(summary.rows[1].failures.values()) == ["RuntimeError: the hamster left"]
    assert summary.rows[1].estimates["lsd"].count == 5
    assert "the hamster left" in (tmp_path / "out" / "report.md").read_text()
    assert not run(corpus, tmp_path).rows[1].failures  # only that utterance is done again
    assert Rounder.calls == 7


def test_what_is_not_installed_is_told(corpus: Path, tmp_path: Path) -> None:
    summary = run(
        corpus, tmp_path, codecs=("reference", "rounder", "bigcodec"), metrics=("lsd", "utmos")
    )
    assert set(summary.skipped) == {"bigcodec", "utmos"}
    assert "github.com/Aria-K-Alethia/BigCodec" in summary.skipped["bigcodec"]
    assert [c.name for c in summary.columns] == ["lsd"]
    with pytest.raises(SecoustiError, match="no codec can run"):
        run(corpus, tmp_path, codecs=("reference", "bigcodec"))


def test_two_codecs_of_one_name_are_an_error(corpus: Path, tmp_path: Path) -> None:
    with pytest.raises(SecoustiError, match=r"two codecs are called 'rounder': add label"):
        run(corpus, tmp_path, codecs=("reference", "rounder", "rounder:label=rounder"))


def test_quoted_rows_are_marked(corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "said.yaml").write_text(
        "source: a paper\nrows:\n  - {codec: Other, bitrate: 500, lsd: 0.85}\n"
    )
    suite = suite_on(corpus, quoted="said.yaml")
    evaluate(suite, tmp_path / "out", cache=tmp_path / "cache", suite_folder=tmp_path)
    text = (tmp_path / "out" / "report.md").read_text()
    assert "*Other †*" in text
    assert "quoted from a paper" in text
    assert "class='quoted'" in (tmp_path / "out" / "report.html").read_text()


def test_conversion_judges_the_voice_it_was_given(corpus: Path, tmp_path: Path) -> None:
    summary = run(corpus, tmp_path, task="conversion", metrics=("lsd",))
    assert "cannot convert voices" in next(iter(summary.rows[1].failures.values()))
    assert summary.rows[0].estimates["lsd"].mean == 0.0


@pytest.mark.parametrize("test", ["mushra", "abx"])
def test_listening_material_has_one_rate_and_length(
    corpus: Path, tmp_path: Path, test: Any
) -> None:
    import soundfile
    import yaml

    pytest.importorskip("scipy")
    codecs = ("reference", "rounder", "rounder:label=second")
    listening = ListeningConfig(test, items=3)
    run(corpus, tmp_path, codecs=codecs, listening=listening)
    folder = tmp_path / "out" / "listening"
    (config,) = folder.glob("*.yaml")
    document = yaml.safe_load(config.read_text())
    order, *pages = document["pages"][1]
    assert order == "random"
    assert len(pages) == 3
    for page in pages:
        files = [page["reference"], *page["stimuli"].values()]
        infos = [soundfile.info(folder / config.stem / Path(file).name) for file in files]
        assert {(info.samplerate, info.frames) for info in infos} == {(48000, 48000)}
        expected = {"rounder", "second"} | ({"anchor35"} if test == "mushra" else set())
        assert set(page["stimuli"]) == expected
        assert (page.get("unforced") == "I cannot tell") == (test == "abx")


def command(corpus: Path, folder: Path, jobs: int = 1) -> list[str]:
    suite = folder / "suite.yaml"
    if not suite.exists():
        suite.write_text(
            f"title: Kill\ndata: {{path: {corpus}}}\nmetrics: [lsd, si_sdr]\nfigures: []\n"
            "examples: 0\ncodecs: [codec2-1200, codec2-3200, opus]\n"
        )
    main = [sys.executable, "-c", "from secousti.cli import main; main()"]
    options = ["-o", str(folder / "out"), "--cache", str(folder / "cache"), "-j", str(jobs)]
    return [*main, "eval", str(suite), *options]


def test_a_killed_run_goes_on_and_processes_change_nothing(corpus: Path, tmp_path: Path) -> None:
    if not any((Path(folder) / "c2enc").exists() for folder in os.get_exec_path()):
        pytest.skip("codec2 is not installed")
    process = subprocess.Popen(command(corpus, tmp_path), stdout=subprocess.DEVNULL)
    while process.poll() is None and len(list((tmp_path / "cache").rglob("*.wav"))) < 3:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").rglob("*.json")}
    again = subprocess.run(command(corpus, tmp_path, jobs=2), capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items())
    spread = json.loads((tmp_path / "out" / "report.json").read_text())
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    alone = subprocess.run(command(corpus, tmp_path), capture_output=True, text=True)
    assert alone.returncode == 0, alone.stderr
    fresh = json.loads((tmp_path / "out" / "report.json").read_text())
    for one, other in zip(spread["records"], fresh["records"], strict=True):
        assert (one["codec"], one["utterance"]) == (other["codec"], other["utterance"])
        assert one["scores"] == other["scores"]


def test_the_command_line_explains_itself(corpus: Path, tmp_path: Path) -> None:
    call = command(corpus, tmp_path)
    wrong = subprocess.run([*call, "--metric", "pesk"], capture_output=True, text=True)
    assert wrong.returncode == 1
    assert "unknown metric 'pesk'" in wrong.stderr
    assert "Traceback" not in wrong.stderr
