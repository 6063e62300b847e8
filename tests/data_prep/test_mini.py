"""``fetch-mini``: from an archive, its URL or a folder to manifests that a training reads."""

from __future__ import annotations

import hashlib
import shutil
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from data_prep import mini
from data_prep.manifest import read_manifest
from train.codec.config import load as load_config

from .conftest import make_librispeech, run_command, write_audio

REPO = Path(__file__).parents[2]
ALIGN = ("--workers", "1")


def archive_of(folder: Path, path: Path) -> Path:
    """A tar archive of a folder, under the folder's name."""
    with tarfile.open(path, "w:gz") as file:
        file.add(folder, folder.name)
    return path


class Server(BaseHTTPRequestHandler):
    """Serves one file with byte ranges, and hangs up after ``cut`` bytes of each answer."""

    data, cut, asked = b"", 1 << 30, list[str]()

    def do_GET(self) -> None:
        ranged = self.headers.get("Range", "")
        type(self).asked.append(ranged)
        first = int(ranged.removeprefix("bytes=").rstrip("-") or 0)
        self.send_response(206 if first else 200)
        self.send_header("Content-Length", str(len(self.data) - first))
        self.end_headers()
        self.wfile.write(self.data[first : first + self.cut])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server on this machine."""
    Server.asked = []
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_a_folder_with_texts_becomes_aligned_manifests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of the data page, whose result is what the small configurations name."""
    shutil.copytree(REPO / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    assert run_command("fetch-mini", "--from", "examples", *ALIGN) == 0
    for name in ("mini_21hz", "mini_86hz"):
        data = load_config(REPO / "configs" / f"{name}.yaml").training.data
        for path in (*data.train, *data.valid, *data.alignments):
            rows = list(read_manifest(path))
            assert len(rows) == 1
            assert all(row.phones and row.text for row in rows)
    assert run_command("fetch-mini", "--from", "examples", *ALIGN) == 0  # is there already


def test_another_corpus_is_not_mixed_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two"):
        write_audio(tmp_path / name / "a.wav", seconds=1)
        write_audio(tmp_path / name / "b.wav", seconds=1, seed=1)
    out = tmp_path / "out"
    assert run_command("fetch-mini", "--from", tmp_path / "one", "-o", out) == 0
    before = (out / "train.jsonl").read_bytes()
    assert run_command("fetch-mini", "--from", tmp_path / "two", "-o", out) == 1
    assert "holds another corpus" in capsys.readouterr().err
    assert (out / "train.jsonl").read_bytes() == before


@pytest.mark.parametrize("url", [False, True])
def test_an_archive_is_unpacked_once(tmp_path: Path, url: bool) -> None:
    archive = archive_of(make_librispeech(tmp_path / "made"), tmp_path / "dev-clean-2.tar.gz")
    out = tmp_path / "out"
    source = archive.as_uri() if url else archive
    assert run_command("fetch-mini", "--from", source, "-o", out, "--no-align") == 0
    rows = [row for split in ("train", "valid") for row in read_manifest(out / f"{split}.jsonl")]
    assert {row.speaker for row in rows} == {"librispeech_84", "librispeech_174"}
    assert all(Path(row.audio).is_file() and row.text for row in rows)
    assert archive.is_file()
    assert not list(out.glob("*.tar.gz"))


def test_a_download_goes_on_where_it_broke_off(
    tmp_path: Path,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    archive = archive_of(make_librispeech(tmp_path / "made"), tmp_path / "a.tar.gz")
    Server.data = archive.read_bytes()
    md5 = hashlib.md5(Server.data).hexdigest()
    part = mini.Archive(f"{server}/dev-clean-2.tar.gz", md5)
    monkeypatch.setattr(mini, "PARTS", {"dev-clean-2": part})
    out = tmp_path / "out"
    command = ("fetch-mini", "--part", "dev-clean-2", "-o", out, "--no-align")
    Server.cut = 1000
    assert run_command(*command) == 1
    assert "1,000 bytes have come" in capsys.readouterr().err
    Server.cut = 1 << 30
    assert run_command(*command) == 0
    assert Server.asked == ["", "bytes=1000-"]
    assert list(read_manifest(out / "train.jsonl"))


def test_another_file_than_the_publisher_s_is_refused(
    tmp_path: Path,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Server.data, Server.cut = b"<html>not found</html>", 1 << 30
    part = mini.Archive(f"{server}/dev-clean-2.tar.gz", "0" * 32)
    monkeypatch.setattr(mini, "PARTS", {"dev-clean-2": part})
    assert run_command("fetch-mini", "-o", tmp_path / "out") == 1
    assert "its MD5 is" in capsys.readouterr().err
    assert not list((tmp_path / "out").glob("*.tar.gz*"))


def test_without_a_network_one_sentence_names_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    part = mini.Archive("http://127.0.0.1:9/dev-clean-2.tar.gz")  # nobody listens there
    monkeypatch.setattr(mini, "PARTS", {"dev-clean-2": part})
    assert run_command("fetch-mini", "-o", tmp_path / "out") == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("error: http://127.0.0.1:9/")
    assert said.endswith("--from PATH")


def test_what_leads_out_of_the_folder_stays_in_the_archive(tmp_path: Path) -> None:
    inside, outside = write_audio(tmp_path / "in" / "a.wav"), tmp_path / "out.wav"
    with tarfile.open(tmp_path / "bad.tar", "w") as file:
        file.add(inside, "c/a.wav")
        file.add(inside, "c/b.wav")
        file.add(inside, "../../out.wav")
        absolute = file.gettarinfo(inside)
        absolute.name = str(outside)
        with inside.open("rb") as sound:
            file.addfile(absolute, sound)
        link = tarfile.TarInfo("c/link.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    out = tmp_path / "mini"
    run_command("fetch-mini", "--from", tmp_path / "bad.tar", "-o", out)
    assert sorted(p.name for p in out.rglob("*.wav")) == ["a.wav", "b.wav"]
    assert not outside.exists()


def test_two_archives_of_one_name_are_not_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = make_librispeech(tmp_path / "made")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        archive_of(made, tmp_path / folder / "x.tar")
    sources = ("--from", tmp_path / "a" / "x.tar", "--from", tmp_path / "b" / "x.tar")
    assert run_command("fetch-mini", *sources, "-o", tmp_path / "out") == 1
    assert "two archives are called 'x'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["none", "none.tar", "broken.tar.gz"])
def test_what_is_no_corpus_is_one_sentence(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8bno archive")
    assert run_command("fetch-mini", "--from", tmp_path / name, "-o", tmp_path / "out") == 1
    said = capsys.readouterr().err
    assert name in said
    assert "Traceback" not in said
    for n in range(2):
        write_audio(tmp_path / "right" / f"{n}.wav", seconds=1, seed=n)
    assert run_command("fetch-mini", "--from", tmp_path / "right", "-o", tmp_path / "out") == 0
