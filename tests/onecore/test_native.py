"""The C code: the same bits however it is compiled, no fault on any input, and never needed."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from secousti.onecore import build, native
from tests.onecore import builds, driver
from tests.toy import toy_codec, toy_speech

needs_compiler = pytest.mark.skipif(not builds.compilers(), reason="no C compiler")
CASES = range(60)


@needs_compiler
def test_every_compiler_and_option_gives_the_same_bits(tmp_path: Path) -> None:
    """GCC and Clang, -O0 to -O3, with and without AVX2, AVX-512 and VNNI."""
    paths = {k: v for c in builds.compilers() for k, v in builds.made(tmp_path, c).items()}
    libraries = {name: driver.load(path) for name, path in paths.items()}
    assert len(libraries) >= 5
    for case in map(driver.make, CASES):
        results = {name: driver.compiled(case, library) for name, library in libraries.items()}
        first = next(iter(results.values()))
        for name, result in results.items():
            for a, b in zip(result, first, strict=True):
                equal = (a == b) | (a.isnan() & b.isnan())
                assert bool(equal.all()), f"case {case.number}, {name}"


@needs_compiler
@pytest.mark.parametrize("compiler", builds.compilers())
def test_no_fault_on_random_layers_and_damaged_numbers(compiler: str, tmp_path: Path) -> None:
    """Under the address and undefined-behaviour sanitizers, compared with PyTorch."""
    made = builds.sanitized(tmp_path, compiler)
    if made is None:
        pytest.skip(f"{compiler} comes without its sanitizers")
    done = builds.driven(*made, "--cases", "40")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "40 cases, 0 findings" in done.stdout


@needs_compiler
def test_the_sanitizers_are_awake(tmp_path: Path) -> None:
    """A read of one number too many, put into the source, is found."""
    source = build.SOURCE.read_text()
    for header in build.FOLDER.glob("*.h"):
        (tmp_path / header.name).write_text(header.read_text())
    broken = source.replace("i < n; i++) y[(size_t)r * n", "i <= n; i++) y[(size_t)r * n")
    assert broken != source
    (tmp_path / "native.c").write_text(broken)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "SOURCE", tmp_path / "native.c")
        made = builds.sanitized(tmp_path, builds.compilers()[0])
    if made is None:
        pytest.skip("no sanitizers")
    assert builds.driven(*made, "--cases", "5").returncode != 0


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """An empty cache of libraries; what other tests loaded comes back."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    native.load.cache_clear()
    yield tmp_path / "secousti"
    native.load.cache_clear()


@needs_compiler
def test_a_processor_is_given_only_what_it_knows(fresh: Path, monkeypatch) -> None:
    """One cache for all machines: an old one never loads what a new one compiled."""
    assert native.load() is not None
    new = {path.name for path in fresh.glob("*.so")}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"architecture": "old"})
    native.load.cache_clear()
    assert native.load() is not None
    (old,) = {path.name for path in fresh.glob("*.so")} - new
    assert old.startswith("native-portable-")
    listing = subprocess.run(["objdump", "-d", str(fresh / old)], capture_output=True, text=True)
    assert not any(register in listing.stdout for register in ("%ymm", "%zmm"))


@needs_compiler
def test_nothing_is_compiled_for_this_machine_alone() -> None:
    levels = [level for of in build.LEVELS.values() for level in of]
    flags = [flag for level in (*levels, build.PORTABLE) for flag in (*build.FLAGS, *level.flags)]
    assert "-march=native" not in flags
    assert "-ffast-math" not in flags


@needs_compiler
def test_a_damaged_library_is_compiled_again(fresh: Path) -> None:
    assert native.load() is not None
    (library,) = fresh.glob("*.so")
    whole = library.read_bytes()
    library.unlink()
    library.write_bytes(whole[: len(whole) // 2])
    native.load.cache_clear()
    assert native.load() is not None
    assert len(library.read_bytes()) == len(whole)


@needs_compiler
def test_without_a_place_for_the_cache_it_works(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    native.load.cache_clear()
    assert native.load() is not None
    native.load.cache_clear()


def test_an_unknown_option_is_one_sentence_and_pytorch_works(
    fresh: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if not builds.compilers():
        pytest.skip("no C compiler")
    monkeypatch.setenv("CC", f"{builds.compilers()[0]} -fno-such-option-exists")
    with caplog.at_level(logging.WARNING):
        assert native.load() is None
    assert len(caplog.messages) == 1
    assert "PyTorch" in caplog.messages[0]


def test_without_a_compiler_pytorch_does_the_work(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    native.load.cache_clear()
    try:
        with caplog.at_level(logging.WARNING):
            fast = toy_codec().for_streaming("int8")
            assert fast.encode(toy_speech(0.5), 22050).codes.shape[-1] == 11
        assert [m for m in caplog.messages if "no C compiler" in m] == caplog.messages
        assert len(caplog.messages) == 1
    finally:
        native.load.cache_clear()


def test_the_package_works_without_fcntl_and_a_compiler(tmp_path: Path) -> None:
    """As on Windows: every module imports, and int8 runs."""
    program = """
import importlib, pkgutil, sys
sys.modules["fcntl"] = None
import secousti
skipped = []
for module in pkgutil.walk_packages(secousti.__path__, "secousti."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        if "fcntl" in str(error):
            raise
        skipped.append(module.name)  # an extra that is not installed
    except secousti.SecoustiError:
        skipped.append(module.name)
from tests.toy import toy_codec, toy_speech
codes = toy_codec().for_streaming("int8").encode(toy_speech(0.5), 22050).codes
print(codes.shape[-1])
"""
    environment = {**os.environ, "CC": "no-such-compiler", "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=builds.REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "11"
    assert done.stderr.count("no C compiler") == 1


X86 = "processor : 0\nflags\t\t: fpu avx avx2 avx512f avx512bw avx512dq avx512vl avx512_vnni\n"
ARM = "processor : 0\nFeatures\t: fp asimd asimddp i8mm\n"


@pytest.mark.parametrize(
    ("text", "machine", "names"),
    [
        (X86, "x86_64", ["avx512vnni", "avx512", "avx2", "portable"]),
        (X86.replace(" avx512vl", ""), "x86_64", ["avx2", "portable"]),
        (ARM, "aarch64", ["i8mm", "dot", "portable"]),
        (None, "x86_64", ["portable"]),
    ],
)
def test_a_pytorch_that_does_not_tell_instructions(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    text: str | None,
    machine: str,
    names: list[str],
) -> None:
    """2.4 has no ``get_capabilities``: Linux is asked."""
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(build, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(build.platform, "machine", lambda: machine)
    if text is not None:
        (tmp_path / "cpuinfo").write_text(text)
    assert [level.name for level in build.levels()] == names


def test_linux_and_pytorch_tell_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(torch.cpu, "get_capabilities") or not build.CPUINFO.is_file():
        pytest.skip("only one of them is here")
    told = build.levels()
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert build.levels() == told
