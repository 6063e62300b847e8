"""One aligner, trained by the real command on the toy language, for all tests here."""

from __future__ import annotations

from pathlib import Path

import pytest

from data_prep.__main__ import main
from tests.alignment.toy import write_corpus


@pytest.fixture(scope="session")
def toy_manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("toy") / "corpus", 48)


@pytest.fixture(scope="session")
def toy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = write_corpus(tmp_path_factory.mktemp("timed"), 48, times=True)
    folder = tmp_path_factory.mktemp("model")
    arguments = ["train-aligner", str(manifest), "-o", str(folder), "--scratch"]
    assert main([*arguments, "--channels", "32", "--rounds", "3"]) == 0
    return folder
