"""Archives over HTTP: downloads that go on where they stopped, and unpacking into a new folder."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from secousti.audio.io import AUDIO_SUFFIXES
from secousti.errors import SecoustiError, said
from secousti.manifest import is_url

_BLOCK = 1 << 18  # bytes
_PATIENCE = 30.0  # seconds without a byte
_TEXTS = (".txt", ".lab", ".csv", ".tsv", ".json", ".jsonl", ".textgrid")
_PARTIAL, _NO_SUCH_RANGE = 206, 416

# Called with the bytes there are and the bytes there will be, None where that is unknown.
OnBytes = Callable[[int, int | None], None]


def fetch(url: str, target: Path, md5: str | None = None, on_bytes: OnBytes | None = None) -> None:
    """Have ``url`` as the file ``target``; an interrupted download goes on where it stopped.

    What has come so far lies beside ``target`` under the same name with ``.part``.

    Args:
        md5: what the file must have, in hexadecimal; without it nothing is compared.

    Raises:
        SecoustiError: the server cannot be reached or breaks off (the same call goes on), or what
            came is another file (it is removed).
    """
    if target.is_file():
        return
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _download(url, part, on_bytes or (lambda have, of: None))
    except (OSError, http.client.HTTPException) as error:
        raise SecoustiError(_unreached(url, part, error)) from error
    if md5 is not None and (found := _digest(part)) != md5:
        part.unlink()
        raise SecoustiError(f"{url} is not what it should be: its MD5 is {found}, not {md5}")
    part.replace(target)


def _download(url: str, part: Path, on_bytes: OnBytes) -> None:
    have = part.stat().st_size if part.exists() else 0
    try:
        response = _open(url, have)
    except HTTPError as error:
        if error.code == _NO_SUCH_RANGE and have:  # it is all there, or another file
            if error.headers.get("Content-Range", "").endswith(f"/{have}"):
                return
            part.unlink()
            return _download(url, part, on_bytes)
        raise
    with response:
        have = have if response.status == _PARTIAL else 0
        length = response.headers.get("Content-Length", "")
        total = have + int(length) if length.isdecimal() else None
        with part.open("ab" if have else "wb") as file:
            for block in iter(lambda: response.read(_BLOCK), b""):
                file.write(block)
                have += len(block)
                on_bytes(have, total)
    if total is not None and have < total:
        raise ConnectionError("the connection ended early")
    return None


def _open(url: str, first: int) -> http.client.HTTPResponse:
    request = Request(url, headers={"Range": f"bytes={first}-"} if first else {})
    response: http.client.HTTPResponse = urlopen(request, timeout=_PATIENCE)
    return response


def _unreached(url: str, part: Path, error: Exception) -> str:
    reason = getattr(error, "reason", None) or said(error)
    have = part.stat().st_size if part.exists() else 0
    kept = f" {have:,} bytes have come, and the same command goes on from there;" if have else ""
    return (
        f"{url} cannot be downloaded ({reason});{kept} without a network give a folder of "
        "recordings or an archive that you have: --from PATH"
    )


def _digest(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    return digest.hexdigest()


def archive_name(url: str) -> str:
    """The last part of a path or URL."""
    return Path(urlsplit(url).path if is_url(url) else url).name or "archive"


def unpack(archive: Path, folder: Path) -> None:
    """The recordings and texts of a tar archive as a new ``folder``, all of them or none.

    Links, devices and names that lead out of the folder are left out.

    Raises:
        SecoustiError: it is no archive, it breaks off, or the disk is full.
    """
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with tarfile.open(archive, "r:*") as file:
            for member in _wanted(file):
                source = file.extractfile(member)
                assert source is not None  # a regular file
                _copy(source, part / member.name)
        part.replace(folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise SecoustiError(f"{archive} cannot be unpacked: {said(error)}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _wanted(file: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in file:
        name = Path(member.name)
        inside = not name.is_absolute() and ".." not in name.parts
        if member.isreg() and inside and name.suffix.lower() in (*AUDIO_SUFFIXES, *_TEXTS):
            yield member


def _copy(source: IO[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source, target.open("wb") as file:
        shutil.copyfileobj(source, file, _BLOCK)


def root_of(folder: Path) -> Path:
    """Where a corpus begins: below folders that hold nothing but one folder."""
    while True:
        inside = [Path(entry.path) for entry in os.scandir(folder)]
        if len(inside) != 1 or not inside[0].is_dir():
            return folder
        folder = inside[0]
