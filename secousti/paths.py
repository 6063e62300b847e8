"""Names of files: what a command line means by them."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from secousti.errors import SecoustiError, note

PIPE = "-"
STDIN, STDOUT = "standard input", "standard output"
# Names under which a process finds its own standard output.
_OWN_OUTPUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
_MOST_KINDS = 5  # of skipped files that are named


def find_files(item: str, suffixes: Collection[str]) -> Iterator[tuple[str, str]]:
    """A file, or the files below a folder that end in ``suffixes``: path, path below ``item``.

    What else lies in the folder is told by a note.

    Raises:
        SecoustiError: a folder without such files.
    """
    if not os.path.isdir(item):
        yield item, os.path.basename(item)
        return
    found, skipped = 0, Counter[str]()
    for path in walk_files(item):
        if path.suffix.lower() in suffixes:
            found += 1
            yield str(path), str(path.relative_to(item))
        else:
            skipped[path.suffix.lower() or "no suffix"] += 1
    if not found:
        raise SecoustiError(f"{item} holds no files that end in {', '.join(sorted(suffixes))}")
    if skipped:
        kinds = ", ".join(f"{n} {kind}" for kind, n in skipped.most_common(_MOST_KINDS))
        note(f"{item}: {skipped.total()} other files were left out ({kinds})")


def walk_files(root: str | Path, say: Callable[[str], None] = note) -> Iterator[Path]:
    """Every file below a folder, sorted within each, without the list of a whole corpus.

    Linked folders are followed, each folder once: a link to what lies below ``root`` anyway, or
    was linked before, is left out, and ``say`` is told. Hidden files and folders are skipped.
    """
    top = os.path.realpath(root)
    linked: set[str] = set()

    def unread(error: OSError) -> None:
        say(f"{readable(str(error.filename))} cannot be read: {error.strerror}")

    for folder, subfolders, names in os.walk(root, onerror=unread, followlinks=True):
        subfolders[:] = [
            name
            for name in sorted(subfolders)
            if not name.startswith(".") and is_to_be_entered(folder, name, top, linked, say)
        ]
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file():
                yield path


def is_to_be_entered(
    folder: str, name: str, top: str, linked: set[str], say: Callable[[str], None] = note
) -> bool:
    """Whether a walk through ``top`` goes into a folder; ``linked`` keeps what was linked so far.

    Folders do, and links to folders outside of ``top``, each once; ``say`` is told of others.
    """
    path = os.path.join(folder, name)
    real = os.path.realpath(path)
    if real in linked:
        say(f"{readable(path)} was left out: its folder {readable(real)} is here already")
        return False
    if not os.path.islink(path):
        return True
    if real == top or real.startswith(top + os.sep) or top.startswith(real + os.sep):
        say(f"the link {readable(path)} was not followed: it leads back to {readable(real)}")
        return False
    linked.add(real)
    return True


def readable(name: str) -> str:
    """A file name as valid text: bytes that are not UTF-8 become ``\\xe9``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def of_system(error: OSError) -> str:
    """What the system says of a file, with its name, as a sentence for people."""
    where = "" if error.filename is None else f"{readable(os.fsdecode(error.filename))}: "
    return f"{where}{error.strerror or error}"


def is_own_output(path: str) -> bool:
    """Whether a path is another name of standard output."""
    return path == PIPE or path in _OWN_OUTPUT


def is_disk(path: str) -> bool:
    """Whether there is a block device: a whole disk under one name."""
    try:
        return stat.S_ISBLK(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def is_stream(path: str) -> bool:
    """Whether there is a pipe, a device or a socket: something read and written as it comes."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
