"""Suites: every file of configs/eval is whole, and mistakes are sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from secousti.errors import SecoustiError
from secousti.evaluation.cache import Cache
from secousti.evaluation.command import Options, chosen_suite, merge_specs
from secousti.evaluation.evaluate import read_quoted
from secousti.evaluation.report.figures import FIGURES
from secousti.evaluation.suite import load_suite, parse_spec
from secousti.evaluation.worker import build_codec, build_metric

SUITES = sorted((Path(__file__).parents[2] / "configs" / "eval").glob("*.yaml"))


@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.stem)
def test_every_suite_names_what_exists(path: Path) -> None:
    suite, folder = load_suite(str(path))
    assert suite.title
    assert set(suite.figures) <= set(FIGURES)
    for spec in suite.metrics:
        build_metric(spec, Cache(), "cpu")
    for spec in suite.codecs:
        build_codec(spec, "cpu")
    columns = {parse_spec(spec)[0] for spec in suite.metrics}
    for row in read_quoted(suite.quoted, folder).get("rows", []):
        assert row["codec"]
        assert columns & set(row) or "bitrate" in row


def test_the_papers_figures_are_quoted_to_the_digit() -> None:
    rows = {}
    for name in ("secousticodec_table1", "p2psyncodec_table1_16khz"):
        quoted = read_quoted(f"quoted/{name}.yaml", SUITES[0].parent)
        rows.update({row["codec"]: row for row in quoted["rows"]})
    assert rows["SecoustiCodec 0.27 kbps"]["pesq"] == 1.77
    assert rows["TAAE"]["wer"] == 30.24
    assert rows["FACodec 1.6 kbps"]["msep"] == 630.71
    assert rows["P2PSynCodec"]["utmos"] == 3.947


def test_a_spec_is_a_name_with_options() -> None:
    assert parse_spec("wer:recogniser=whisper,model=a.pt") == (
        "wer",
        {"recogniser": "whisper", "model": "a.pt"},
    )
    with pytest.raises(SecoustiError, match="expected NAME:OPTION=VALUE"):
        parse_spec("encodec:6")
    assert build_codec("encodec:kbps=6", "cpu").name == "encodec-6"
    with pytest.raises(SecoustiError, match="option kbps: 'six' is no float"):
        build_codec("encodec:kbps=six", "cpu")


def test_added_metrics_replace_those_of_their_name() -> None:
    assert merge_specs(("pesq", "wer"), ["wer:recogniser=funasr", "cer"]) == (
        "pesq",
        "wer:recogniser=funasr",
        "cer",
    )


def test_the_command_line_changes_the_suite(tmp_path: Path) -> None:
    options = Options("table1", ["opus"], [], str(tmp_path), 5, 3, tmp_path, tmp_path, 1, "cpu")
    suite, _ = chosen_suite(options)
    assert suite.codecs == ("reference", "opus")
    assert (suite.data.path, suite.data.kind, suite.data.limit) == (str(tmp_path), "auto", 5)


def test_mistakes_in_a_suite_are_named(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("title: x\nmetrix: [pesq]\n")
    with pytest.raises(SecoustiError, match="unknown key 'metrix'"):
        load_suite(str(path))
    path.write_text("title: [x\n")
    with pytest.raises(SecoustiError, match="is no YAML"):
        load_suite(str(path))
    with pytest.raises(SecoustiError, match=r"no suite 'tabel1'.*table1"):
        load_suite("tabel1")
