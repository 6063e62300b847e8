"""The C code under the address and undefined-behaviour sanitizers, for as long as you like.

    python -m benchmarks.fuzz_native --minutes 10 [--first N]

Random layer shapes, states and damaged numbers (``tests/onecore/driver.py``), compared with
PyTorch. Every compiler that is installed has its share of the time. Prints how many cases ran and
what was found; ends with 1 if anything was. A finding names its case: ``--first`` begins there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.onecore import builds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--first", type=int, help="number of the first case; the time if not given")
    args = parser.parse_args()
    first = int(time.time()) * 1000 if args.first is None else args.first
    compilers, bad = builds.compilers(), 0
    if not compilers:
        parser.exit(1, "there is no C compiler: install gcc or clang\n")
    with tempfile.TemporaryDirectory() as folder:
        for compiler in compilers:
            made = builds.sanitized(Path(folder), compiler)
            if made is None:
                print(f"{compiler}: comes without its sanitizers, left out")
                continue
            seconds = 60 * args.minutes / len(compilers)
            done = builds.driven(*made, "--first", str(first), "--seconds", str(seconds))
            bad += done.returncode != 0
            lines = (done.stdout + done.stderr[-4000:]).strip().splitlines()
            print(*(f"{compiler} from case {first}: {line}" for line in lines), sep="\n")
    raise SystemExit(1 if bad else 0)


if __name__ == "__main__":
    main()
