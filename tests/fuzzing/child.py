"""One fuzzer: ``python -m tests.fuzzing.child TARGET [flags of libFuzzer] [folders]``.

The code under attack is imported with a counter at every branch.
"""

from __future__ import annotations

import sys

import atheris

# What reads bytes of strangers; PyTorch and what only computes stay as they are.
READERS = [
    "secousti.audio",
    "secousti.config",
    "secousti.container",
    "secousti.entropy.range_code",
    "secousti.manifest",
    "secousti.samples",
    "secousti.serve.messages",
    "secousti.serve.packets",
    "data_prep.alignment.textgrid",
    "data_prep.manifest",
]


def main() -> None:
    name, flags = sys.argv[1], sys.argv[2:]
    with atheris.instrument_imports(include=READERS):
        from tests.fuzzing.targets import attack
    from tests.fuzzing.checksums import believed

    def once(data: bytes) -> None:
        attack(name, data)

    with believed():
        atheris.Setup([sys.argv[0], *flags], once)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
