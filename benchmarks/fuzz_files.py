"""The C code of .sct files, WAV and weights under sanitizers, for as long as you like.

    python -m benchmarks.fuzz_files --minutes 10

clang's libFuzzer where it is installed, half of the time with every checksum taken for right; else
the generator of ``tests/native/fuzz.c``. Prints what ran and what was found; ends with 1 if
anything was, and leaves the input in the folder that it names.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.native import fuzzing

RUNS = 500  # of each seed at a time, without libFuzzer


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    seconds = 60 * parser.parse_args().minutes
    folder, bad = Path(tempfile.mkdtemp()), 0
    coder = fuzzing.write_coder(folder / "coder.sctm")
    seeds = fuzzing.write_seeds(folder / "seeds")
    for trusting in (False, True):
        what = "every checksum right" if trusting else "checksums checked"
        program = fuzzing.libfuzzer(folder / f"fuzz-{trusting}", trusting)
        if program is None:
            program = fuzzing.alone(folder / f"fuzz-{trusting}", trusting)
            command = [str(program), str(coder), str(RUNS), "0", *map(str, seeds)]
        else:
            command = [str(program), f"-max_total_time={int(seconds / 2)}", "-max_len=4096"]
            command += ["-print_final_stats=1", "-timeout=60", str(folder / "seeds")]
        environment = {**os.environ, "SCT_FUZZ_CODER": str(coder)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, errors="replace"
        )
        bad += done.returncode != 0
        lines = (done.stdout + done.stderr).strip().splitlines()
        print(f"{what}:", *lines[-40 if done.returncode else -7 :], sep="\n")
    if bad:
        raise SystemExit(f"the inputs are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
