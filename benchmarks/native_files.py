"""Files that the C program ``sct`` encodes beside those of ``secousti encode``: their bytes.

    python -m benchmarks.native_files MANIFEST [--limit 60] [--models mini-21hz ...]

``--limit`` recordings, spread evenly over the manifest, are written as 16-bit WAV at their own
rates and encoded by both; voices are in their 24-byte codes, tokens in the learned ones. Prints per
model how many files are equal to the last byte.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import soundfile

from benchmarks.native_ids import MODELS, spread
from secousti import load_codec
from secousti.audio.io import load_audio
from secousti.export.native import export_native
from secousti.manifest import read_manifest
from tests.native import library


def build(folder: Path) -> Path:
    """``sct``, made from a copy of the sources as its users would."""
    shutil.copytree(library.SOURCE, folder / "native")
    subprocess.run(["make", "-s", "-C", str(folder / "native"), "sct"], check=True)
    return folder / "native" / "sct"


def record(manifest: Path, limit: int, folder: Path) -> list[Path]:
    """The recordings as WAV."""
    folder.mkdir()
    paths = []
    for number, entry in enumerate(spread(list(read_manifest(manifest)), limit)):
        samples, rate = load_audio(entry.location)
        paths.append(folder / f"{number:04}.wav")
        soundfile.write(paths[-1], samples.numpy(), rate, subtype="PCM_16")
    return paths


def equal(program: Path, model: str, recordings: list[Path], folder: Path) -> int:
    """How many files are the same."""
    weights = export_native(load_codec(model), folder / f"{model}.sctm")
    ours, theirs = folder / "c.sct", folder / model
    command = [sys.executable, "-m", "secousti", "encode", "-m", model, "-o", str(theirs)]
    subprocess.run([*command, str(recordings[0].parent)], check=True, capture_output=True)
    same = 0
    for path in recordings:
        subprocess.run(
            [program, "encode", "-f", weights, path, ours], check=True, capture_output=True
        )
        same += ours.read_bytes() == (theirs / path.with_suffix(".sct").name).read_bytes()
    return same


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--limit", type=int, default=60)
    parser.add_argument("--models", nargs="+", default=MODELS)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = build(folder)
        recordings = record(arguments.manifest, arguments.limit, folder / "recordings")
        for model in arguments.models:
            same = equal(program, model, recordings, folder)
            print(f"{model}: {same} of {len(recordings)} files are the same", flush=True)


if __name__ == "__main__":
    main()
