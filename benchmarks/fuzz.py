"""Everything that reads bytes of unknown origin, attacked with what is learned from coverage.

    pip install atheris
    python -m benchmarks.fuzz --minutes 10 [--targets wav packet] [--keep] [--state FOLDER]

Each target of ``tests/fuzzing/targets.py`` has its share of the time, from the inputs of
``tests/fuzzing/seeds.py`` on: half of it in equal parts, half as many executions as it makes in a
second. ``--state`` keeps in FOLDER what runs have learned (``corpus``) and done (``totals.json``),
and the next one goes on there. An execution is a finding if it raises anything but a
``SecoustiError``, takes longer than 60 s or 2 GB. Prints executions, branches of our code that
were reached, and findings per target; ends with 1 if there was any. ``--keep`` adds the
shortest inputs that reached something new to the corpus (``tests/corpus``) that
``tests/test_corpus.py`` replays.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measure import markdown
from secousti.atomic import write_text
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
    parser.add_argument("--state", type=Path, help="folder that runs add up in")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        state = State(args.state or Path(scratch))
        findings = _attack_all(args.targets, 60 * args.minutes, state, args.keep)
        print(state.table())
    raise SystemExit(1 if findings else 0)


class State:
    """What all runs have done: executions, seconds, branches and findings of each target."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "totals.json"
        self.totals: dict[str, dict[str, float]] = {}
        if self._file.exists():
            self.totals = json.loads(self._file.read_text("utf-8"))

    def add(self, name: str, outcome: Outcome, seconds: float) -> None:
        """One more run of a target."""
        total = self.totals.setdefault(
            name, {"executions": 0, "seconds": 0.0, "branches": 0, "findings": 0}
        )
        total["executions"] += outcome.executions
        total["seconds"] += seconds
        total["branches"] = max(total["branches"], outcome.branches)
        total["findings"] += len(outcome.findings)
        write_text(self._file, json.dumps(self.totals, indent=1))

    def shares(self, names: Sequence[str]) -> dict[str, float]:
        """Of the time, adding up to 1."""
        rates = {n: _rate(self.totals.get(n)) for n in names}
        whole = sum(rates.values())
        return {n: 0.5 / len(names) + (0.5 * rates[n] / whole) for n in names}

    def table(self) -> str:
        """All runs as Markdown."""
        rows = [
            [n, f"{t['executions']:,}", f"{t['branches']}", f"{t['findings']}"]
            for n, t in self.totals.items()
        ]
        whole = sum(int(t["executions"]) for t in self.totals.values())
        rows.append(["in all", f"{whole:,}", "", ""])
        return markdown(["target", "executions", "branches", "findings"], rows)


def _rate(total: dict[str, float] | None) -> float:
    """Executions a second, of a target that was not attacked yet, 1."""
    return total["executions"] / total["seconds"] if total and total["executions"] else 1.0


def _attack_all(names: Sequence[str], seconds: float, state: State, keeps: bool) -> int:
    """Findings of a run over ``names``."""
    findings = 0
    for name, share in state.shares(names).items():
        began = time.monotonic()
        outcome = _attack(name, share * seconds, state.folder / "corpus" / name, keeps)
        took = time.monotonic() - began
        state.add(name, outcome, took)
        findings += len(outcome.findings)
        print(
            f"{name:10} {outcome.executions:>11,} executions in {took:5.0f} s, "
            f"{outcome.branches:5} branches, {len(outcome.findings)} findings",
            flush=True,
        )
        for data in outcome.findings:
            print(f"    attack({name!r}, {data!r})")
    return findings


def _attack(name: str, seconds: float, corpus: Path, keeps: bool) -> Outcome:
    outcome, stop = Outcome(), time.monotonic() + seconds
    corpus.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder)
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
