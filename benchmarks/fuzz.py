"""Everything that reads bytes of unknown origin, attacked with what is learned from coverage.

    pip install atheris
    python -m benchmarks.fuzz --minutes 10 [--targets wav packet] [--keep]

Each target of ``tests/fuzzing/targets.py`` has its share of the time, from the inputs of
``tests/fuzzing/seeds.py`` on. An execution is a finding if it raises anything but a
``SecoustiError``, takes longer than 60 s or 2 GB. Prints executions, branches of our code that
were reached, and findings per target; ends with 1 if there was any. ``--keep`` adds the
shortest inputs that reached something new to the corpus (``tests/corpus``) that
``tests/test_corpus.py`` replays.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzzing.seeds import keep, kept, seeds
from tests.fuzzing.targets import TARGETS

MOST_KEPT = 60  # inputs of a target
LONGEST = 4096  # bytes of an input
LIMITS = ["-timeout=60", "-rss_limit_mb=2048", f"-max_len={LONGEST}"]


@dataclass
class Outcome:
    """What came of the attack on one target."""

    executions: int = 0
    branches: int = 0
    findings: list[bytes] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--targets", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--keep", action="store_true", help="write tests/corpus")
    args = parser.parse_args()
    total = Outcome()
    for name in args.targets:
        began = time.monotonic()
        outcome = _attack(name, 60 * args.minutes / len(args.targets), args.keep)
        seconds = time.monotonic() - began
        print(
            f"{name:10} {outcome.executions:>11,} executions in {seconds:5.0f} s, "
            f"{outcome.branches:5} branches, {len(outcome.findings)} findings",
            flush=True,
        )
        for data in outcome.findings:
            print(f"    attack({name!r}, {data!r})")
        total.executions += outcome.executions
        total.findings += outcome.findings
    print(f"in all     {total.executions:>11,} executions, {len(total.findings)} findings")
    raise SystemExit(1 if total.findings else 0)


def _attack(name: str, seconds: float, keeps: bool) -> Outcome:
    outcome, stop = Outcome(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        corpus, found = Path(folder) / "corpus", Path(folder) / "found"
        corpus.mkdir()
        found.mkdir()
        for number, data in enumerate(seeds(name)):
            (corpus / f"seed-{number}").write_bytes(data[:LONGEST])
        while (left := stop - time.monotonic()) > 1 and len(outcome.findings) < 20:
            said = _run(name, [corpus], [f"-max_total_time={int(left) + 1}"], found)
            outcome.executions += _executions(name, said)
            outcome.branches = max(outcome.branches, _number(r"cov: (\d+)", said))
            new = [path.read_bytes() for path in sorted(found.iterdir())]
            outcome.findings += new
            for path in found.iterdir():
                path.unlink()
            if not new:
                break
        if keeps:
            keep(name, [*kept(name), *_learned(corpus)][: 2 * MOST_KEPT])
    return outcome


def _learned(corpus: Path) -> list[bytes]:
    """The shortest of the inputs that libFuzzer wrote down, as each reached something new."""
    new = [path for path in corpus.iterdir() if not path.name.startswith("seed-")]
    return sorted((path.read_bytes() for path in new), key=len)[:MOST_KEPT]


def _run(name: str, folders: list[Path], flags: list[str], found: Path) -> str:
    """libFuzzer's words; it ends at the first finding, which it writes into ``found``."""
    command = [sys.executable, "-m", "tests.fuzzing.child", name]
    flags = [*flags, *LIMITS, "-print_final_stats=1", f"-artifact_prefix={found}/"]
    done = subprocess.run([*command, *flags, *map(str, folders)], capture_output=True, check=False)
    return done.stderr.decode(errors="replace")


def _executions(name: str, said: str) -> int:
    """Of one fuzzer; one that the system ended has told them only now and then."""
    if done := _number(r"stat::number_of_executed_units: (\d+)", said):
        return done
    print(f"{name}: the fuzzer was ended from outside; it said last:\n{said[-300:]}", flush=True)
    return _number(r"#(\d+)\s", said)


def _number(pattern: str, text: str) -> int:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else 0


if __name__ == "__main__":
    main()
