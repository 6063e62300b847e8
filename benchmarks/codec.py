"""Offline and token-by-token cost of the full-size codecs beside Mimi and EnCodec.

One thread, 10 s of audio, random weights everywhere (speed does not depend on them), candidates
in turn:

    python -m benchmarks.codec [--turns 3] [--markdown docs/tables/codec_speed.md]

Needs ``transformers`` for the two peers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.measure import markdown, print_sample, publish, take_turns, timed, timing_parser

SECONDS = 10.0
CONFIGS = Path(__file__).parents[1] / "configs"


def ours(name: str, what: str) -> Callable[[], object]:
    """One call on a full-size model: ``encode``, ``decode_mel``, ``encode_step``, ..."""
    from secousti import SecoustiCodec
    from secousti.config import load_codec_config

    torch.manual_seed(0)
    codec = SecoustiCodec(load_codec_config(CONFIGS / f"{name}.yaml")).eval()
    wav = 0.1 * torch.randn(1, int(SECONDS * codec.sample_rate))
    if what == "encode":
        from secousti.audio.batch import as_batch

        @torch.no_grad()
        def tokens() -> object:
            return codec.tokenize(
                codec.log_mel(as_batch(wav, codec.sample_rate, codec.sample_rate))[0]
            )

        return tokens
    encoded = codec.encode(wav, codec.sample_rate)
    if what == "decode_mel":
        return lambda: codec.decode_mel(encoded)
    if what == "decode":
        return lambda: codec.decode(encoded)
    return _step(codec, what, encoded)


def _step(codec, what: str, encoded) -> Callable[[], object]:  # type: ignore[no-untyped-def]
    """One token through a stream whose caches are full."""
    context = codec.config.transformer.context
    state = {
        "encode_step": codec.token_encoder_state(1),
        "decode_step": codec.token_decoder_state(1),
    }[what]
    mel = torch.randn(1, codec.config.mel.n_mels, codec.frames_per_token)

    def step() -> None:
        nonlocal state
        with torch.inference_mode():
            if what == "encode_step":
                _, state = codec.tokenize(mel, state)
            else:
                code = encoded.codes[..., :1]
                _, state = codec.synthesize_mel(code, encoded.paralinguistic, state)

    for _ in range(context):
        step()
    return step


def peer(name: str, what: str) -> Callable[[], object]:
    """One offline call on a transformers codec with random weights."""
    import transformers

    torch.manual_seed(0)
    if name == "mimi":
        model = transformers.MimiModel(transformers.MimiConfig()).eval()
        extra: dict[str, Any] = {"num_quantizers": 8}
    else:
        model = transformers.EncodecModel(transformers.EncodecConfig()).eval()
        extra = {"bandwidth": 6.0}
    wav = 0.1 * torch.randn(1, 1, int(SECONDS * 24000))

    @torch.inference_mode()
    def encode() -> Any:
        return model.encode(wav, **extra)

    if what == "encode":
        return encode
    encoded = encode()

    @torch.inference_mode()
    def decode() -> object:
        if name == "mimi":
            return model.decode(encoded.audio_codes)
        return model.decode(encoded.audio_codes, encoded.audio_scales)

    return decode


OFFLINE = [
    ("secousti_21hz", "encode"),
    ("secousti_21hz", "decode_mel"),
    ("secousti_21hz", "decode"),
    ("secousti_86hz", "encode"),
    ("secousti_86hz", "decode_mel"),
    ("mimi", "encode"),
    ("mimi", "decode"),
    ("encodec", "encode"),
    ("encodec", "decode"),
]
STEPS = [
    (model, step)
    for model in ("secousti_21hz", "secousti_86hz")
    for step in ("encode_step", "decode_step")
]


def prepare(name: str) -> Callable[[], object]:
    """The call behind ``model/what``."""
    model, what = name.split("/")
    return ours(model, what) if model.startswith("secousti") else peer(model, what)


def main() -> None:
    args = timing_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    if args.only:
        print_sample(timed(lambda: prepare(args.only), args.calls))
        return
    text = report(args.turns, args.calls)
    publish(text, args.markdown)


def report(turns: int, calls: int) -> str:
    """Both tables as Markdown."""
    names = [f"{model}/{what}" for model, what in OFFLINE]
    offline = take_turns(__spec__.name, names, turns, calls)
    rows = [
        [
            *name.split("/"),
            f"{s.cpu / SECONDS:.4f}",
            f"{s.wall / SECONDS:.4f}",
            f"{s.base_mb:.0f}",
            f"{s.peak_mb:.0f}",
        ]
        for name, s in offline.items()
    ]
    header = ["model", "call on 10 s", "RTF (CPU time)", "RTF (wall)", "MiB before", "MiB peak"]
    steps = take_turns(__spec__.name, [f"{m}/{w}" for m, w in STEPS], turns, 40 * calls)
    step_rows = [
        [*name.split("/"), f"{1e3 * s.cpu:.1f}", f"{1e3 * s.p95:.1f}"] for name, s in steps.items()
    ]
    step_header = ["model", "call on one token", "ms (median)", "ms (p95)"]
    return markdown(header, rows) + "\n\n" + markdown(step_header, step_rows)


if __name__ == "__main__":
    main()
