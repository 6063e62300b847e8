"""Cost of P2PSynCodec: 16 and 48 kHz, plain tokens against all VQs, one live token.

One thread, random weights (speed does not depend on them), candidates in turn; EnCodec at 24 kHz
runs beside them as a reference:

    python -m benchmarks.p2psyn [--turns 3] [--markdown docs/tables/p2psyn_speed.md]

Needs ``transformers`` for the reference; ``--no-reference`` leaves it out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.measure import markdown, print_sample, publish, take_turns, timed, timing_parser

SECONDS = 10.0
ROOT = Path(__file__).parents[1]
OFFLINE = [
    f"{model}/{what}"
    for model in ("16k", "48k", "16k-causal", "16k-mini")
    for what in ("encode", "decode plain", "decode all")
]
STEPS = [
    f"{model}/{what} step"
    for model in ("16k-causal", "16k-mini")
    for what in ("encode", "decode plain", "decode all")
]
REFERENCE = ["encodec/encode", "encodec/decode"]


def build(name: str):  # type: ignore[no-untyped-def]
    """The paper's sizes at 16 or 48 kHz, their causal counterpart, or p2psyn-mini-16k's size."""
    from secousti.p2psyn.codec import P2PSynCodec
    from secousti.p2psyn.config import P2PSynConfig, causal_config

    torch.manual_seed(0)
    if name.endswith("mini"):
        from train.p2psyn.config import load

        return P2PSynCodec(load(ROOT / "configs" / "p2psyn" / "mini_16k.yaml").codec).eval()
    config = replace(P2PSynConfig(), sample_rate=48000 if name.startswith("48k") else 16000)
    return P2PSynCodec(causal_config(config) if name.endswith("causal") else config).eval()


def prepare(name: str) -> Callable[[], object]:
    """The call behind ``model/what``."""
    model, what = name.split("/")
    if model == "encodec":
        from benchmarks.codec import peer

        return peer("encodec", what)
    codec = build(model)
    mode = what.split()[1] if what.startswith("decode") else ""
    if what.endswith("step"):
        return _step(codec, mode)
    wav = 0.1 * torch.randn(1, int(SECONDS * codec.sample_rate))
    if what == "encode":
        return lambda: codec.encode(wav, codec.sample_rate)
    encoded = codec.encode(wav, codec.sample_rate)
    return lambda: codec.decode(encoded, mode=mode)


def _step(codec, mode: str) -> Callable[[], object]:  # type: ignore[no-untyped-def]
    """One token through a stream whose caches are full."""
    from secousti.p2psyn import P2PSynStreamDecoder, P2PSynStreamEncoder

    audio = 0.1 * torch.randn(codec.frame_size)
    encoder = P2PSynStreamEncoder(codec)
    token = encoder.push(audio)
    if mode in ("plain", "all"):
        decoder = P2PSynStreamDecoder(codec, mode=mode)
        for _ in range(codec.config.pseudo.context or 0):
            decoder.push(token)
        return lambda: decoder.push(token)
    return lambda: encoder.push(audio)


def report(turns: int, calls: int, reference: bool) -> str:
    """Both tables as Markdown."""
    names = OFFLINE + (REFERENCE if reference else [])
    offline = take_turns(__spec__.name, names, turns, calls)
    rows = [
        [*name.split("/"), f"{s.cpu / SECONDS:.4f}", f"{s.wall / SECONDS:.4f}", f"{s.peak_mb:.0f}"]
        for name, s in offline.items()
    ]
    header = ["model", "call on 10 s", "RTF (CPU time)", "RTF (wall)", "MiB peak"]
    steps = take_turns(__spec__.name, STEPS, turns, 40 * calls)
    step_rows = [
        [*name.split("/"), f"{1e3 * s.cpu:.1f}", f"{1e3 * s.p95:.1f}"] for name, s in steps.items()
    ]
    step_header = ["model", "call on one token (20 ms)", "ms (median CPU)", "ms (p95)"]
    return markdown(header, rows) + "\n\n" + markdown(step_header, step_rows)


def main() -> None:
    """Parse, measure, print."""
    parser = timing_parser(__doc__)
    parser.add_argument("--no-reference", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.only:
        print_sample(timed(lambda: prepare(args.only), args.calls))
        return
    text = report(args.turns, args.calls, not args.no_reference)
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
