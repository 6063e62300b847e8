"""Does the whole path hold real time on one core at full size? From a file to a file, live.

    python -m benchmarks.realtime [IN.wav] [--out DIR] [--turns 1] [--candidates ...]
    python -m benchmarks.realtime --against CHECKOUT --turns 5 --candidates secousti_21hz/int8

The live path (``secousti.live.run``: encode, decode, vocoder, one token at a time) with full-size
models at random weights (speed does not depend on them), one thread, candidates in turn, each in
its own process. What is counted begins when every attention window is full. Beside it the same
codec's exported graphs in onnxruntime (extra: export) and, where its package is there, Mimi with
random weights: ``pip install --no-deps moshi sphn sentencepiece``.

``--against`` runs another checkout of this repository in turn with this one and prints the ratio of
what a token costs: on a machine that does other things, too, trust nothing else.

A path holds real time if 95 of 100 tokens are computed within the time a token lasts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.measure import markdown, publish

REPOSITORY = Path(__file__).parents[1]
SPEECH = REPOSITORY / "examples" / "speech.wav"
VOCODER = REPOSITORY / "configs" / "vocoder" / "causal_istft.yaml"
PRECISIONS = ("float32", "float16", "int8")
GRAPHS = {"ONNX": False, "ONNX int8": True}
CANDIDATES = [
    *(f"secousti_{rate}/{precision}" for rate in ("21hz", "86hz") for precision in PRECISIONS),
    *(f"secousti_{rate}/{how}" for rate in ("21hz", "86hz") for how in GRAPHS),
    "secousti_21hz/not packed",
    "secousti_86hz/not packed",
    "secousti_21hz/not packed, HiFT",
    *(f"p2psyn-mini-16k/{how}" for how in (*PRECISIONS, "not packed")),
    "mimi/streaming",
]
COUNTED = 150  # tokens; of Mimi, frames


@dataclass
class Result:
    """Milliseconds of each token (or frame) that lasts ``lasts`` ms: wall time, then CPU time."""

    lasts: float
    encode: list[float]
    decode: list[float]
    vocoder: list[float]
    cpu: list[float]

    @property
    def whole(self) -> list[float]:
        """Wall time of the path."""
        return [sum(parts) for parts in zip(self.encode, self.decode, self.vocoder, strict=True)]


class Stopwatch:
    """Adds up the wall time that a function takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def around(self, function: Callable) -> Callable:
        """``function``, timed."""

        def timed(*args: object, **kwargs: object) -> object:
            start = time.perf_counter()
            result = function(*args, **kwargs)
            self.seconds += time.perf_counter() - start
            return result

        return timed


def full_size(name: str, hift: bool):  # type: ignore[no-untyped-def]
    """The full-size codec of ``configs`` with causal mels and our full-size vocoder, or HiFT."""
    from secousti import SecoustiCodec
    from secousti.config import from_dict, load_codec_config, read_yaml
    from secousti.vocoder import VocoderConfig

    torch.manual_seed(0)
    config = load_codec_config(REPOSITORY / "configs" / f"{name}.yaml")
    vocoder = from_dict(VocoderConfig, read_yaml(VOCODER)["vocoder"])
    if hift:
        return SecoustiCodec(config).eval()
    mel = replace(config.mel, mode="causal")
    return SecoustiCodec(replace(config, mel=mel, vocoder=vocoder)).eval()


def bundled(name: str):  # type: ignore[no-untyped-def]
    """A bundled codec, and in which mode it runs."""
    from secousti import load_codec

    codec = load_codec(name)
    return codec, "plain" if "plain" in codec.modes else codec.modes[0]


def ours(name: str, how: str, source: Path, out: Path | None) -> Result:
    """The live path from ``source``, as often as needed, to ``out``."""
    from secousti.audio.io import load_audio
    from secousti.files.sinks import write_audio
    from secousti.live import run

    full = name.startswith("secousti_")
    codec, mode = (full_size(name, how.endswith("HiFT")), "all") if full else bundled(name)
    context = codec.config.transformer.context if full else 100
    if how in PRECISIONS:
        codec = codec.for_streaming(how)
    watch = Stopwatch()
    if codec.speaks_mel:  # what follows the mel is the vocoder
        step = "mel_token" if how in PRECISIONS else "synthesize_mel"
        setattr(codec, step, watch.around(getattr(codec, step)))
    counted = COUNTED if how in PRECISIONS else COUNTED // 3
    tokens = context + counted
    wav, rate = load_audio(source)
    block = round(codec.frame_size * rate / codec.sample_rate)
    repeated = wav.repeat(-(-tokens * block // len(wav)))[: tokens * block].numpy()
    voice = torch.zeros(1, codec.voice_size) if codec.voice_size else None
    result = Result(1e3 / codec.frame_rate, [], [], [], [])
    sound = []
    for frame, cpu in _timed(run(codec, _blocks(repeated, block), rate, voice=voice, mode=mode)):
        sound.append(frame.audio)
        if len(frame.codes) == 1:
            result.encode.append(1e3 * frame.encode_seconds)
            mel = watch.seconds if codec.speaks_mel else frame.decode_seconds
            result.decode.append(1e3 * mel)
            result.vocoder.append(1e3 * (frame.decode_seconds - mel))
            result.cpu.append(1e3 * cpu)
        watch.seconds = 0.0
    if out is not None:
        write_audio(
            str(out / f"{name}-{how.replace(', ', '-').replace(' ', '_')}.wav"),
            sound,
            codec.sample_rate,
        )
    return _last(result, counted)


def _blocks(wav: np.ndarray, block: int) -> Iterator[np.ndarray]:
    for start in range(0, len(wav), block):
        yield wav[start : start + block]


def _timed(items: Iterator) -> Iterator[tuple]:
    """Every item and the processor time it took."""
    while True:
        start = time.process_time()
        item = next(items, None)
        if item is None:
            return
        yield item, time.process_time() - start


def graphs(name: str, int8: bool) -> Result:
    """The three exported graphs in onnxruntime, token by token."""
    from secousti.export import export
    from secousti.export.graphs import step_graphs
    from secousti.export.runtime import open_steps

    codec = full_size(name, hift=False).float()
    with tempfile.TemporaryDirectory() as folder:
        export(codec, folder, int8=int8)
        if not int8:
            codec.prepare()
        steps = open_steps(Path(folder), step_graphs(codec, True), "onnx")
        result = Result(1e3 / codec.frame_rate, [], [], [], [])
        counted = COUNTED // 3
        rng = np.random.default_rng(0)
        voice = np.zeros((1, codec.config.paralinguistic.hidden_size), np.float32)
        for _ in range(codec.config.transformer.context + counted):
            wav = 0.1 * rng.standard_normal((1, codec.frame_size), np.float32)
            cpu, times = time.process_time(), [time.perf_counter()]
            codes = steps["encoder"](wav)
            times.append(time.perf_counter())
            mel = steps["decoder"](codes, voice)
            times.append(time.perf_counter())
            steps["vocoder"](mel)
            times.append(time.perf_counter())
            parts = (result.encode, result.decode, result.vocoder)
            for part, seconds in zip(parts, np.diff(times), strict=True):
                part.append(1e3 * float(seconds))
            result.cpu.append(1e3 * (time.process_time() - cpu))
    return _last(result, counted)


def mimi() -> Result:
    """moshi's Mimi, 8 codebooks, frame by frame."""
    os.environ["NO_TORCH_COMPILE"] = "1"
    from moshi.models import loaders

    torch.manual_seed(0)
    model = loaders.get_mimi(None, device="cpu", num_codebooks=8).eval()
    result = Result(80.0, [], [], [], [])
    with torch.no_grad(), model.streaming(1):
        for _ in range(125 + COUNTED // 3):
            wav = 0.1 * torch.randn(1, 1, 1920)
            cpu, start = time.process_time(), time.perf_counter()
            codes = model.encode(wav)
            middle = time.perf_counter()
            model.decode(codes)
            result.encode.append(1e3 * (middle - start))
            result.decode.append(1e3 * (time.perf_counter() - middle))
            result.vocoder.append(0.0)
            result.cpu.append(1e3 * (time.process_time() - cpu))
    return _last(result, COUNTED // 3)


def _last(result: Result, count: int) -> Result:
    parts = {key: value[-count:] for key, value in asdict(result).items() if key != "lasts"}
    return Result(result.lasts, **parts)


def measure(candidates: list[str], turns: int, source: Path, out: Path | None) -> dict[str, Result]:
    """Every candidate in turn; the turns of a candidate joined."""
    found: dict[str, Result] = {}
    for _ in range(turns):
        for name in candidates:
            print(name, file=sys.stderr, flush=True)
            command = [sys.executable, "-m", "benchmarks.realtime", str(source), "--only", name]
            if out is not None:
                command += ["--out", str(out)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                reason = (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1]
                print(f"left out: {reason}", file=sys.stderr)
                continue
            result = Result(**json.loads(done.stdout.splitlines()[-1]))
            if name in found:
                for key in ("encode", "decode", "vocoder", "cpu"):
                    getattr(found[name], key).extend(getattr(result, key))
            else:
                found[name] = result
    return found


def paired(candidates: list[str], turns: int, source: Path, other: Path) -> str:
    """Processor time of a token here and in ``other``, in turn, and the median of the ratios."""
    rows = []
    for name in candidates:
        ratios, here, there = [], [], []
        for turn in range(turns):
            print(f"{name}, turn {turn + 1}", file=sys.stderr, flush=True)
            here.append(_alone(name, source, REPOSITORY, ["-m", "benchmarks.realtime"]))
            there.append(_alone(name, source, other, [str(other / "benchmarks" / "realtime.py")]))
            ratios.append(here[-1] / there[-1])
        cells = [f"{np.median(values):.2f}" for values in (here, there)]
        spread = f"{min(ratios):.3f} .. {max(ratios):.3f}"
        rows.append([*name.split("/"), *cells, f"{np.median(ratios):.3f}", spread])
    return markdown(["model", "weights", "here, ms", "there, ms", "ratio", "its range"], rows)


def _alone(name: str, source: Path, checkout: Path, program: list[str]) -> float:
    """Median milliseconds of processor time of a token, by one checkout."""
    command = [sys.executable, *program, str(source.resolve()), "--only", name]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    done = subprocess.run(
        command, cwd=checkout, env=environment, check=True, capture_output=True, text=True
    )
    return float(np.median(json.loads(done.stdout.splitlines()[-1])["cpu"]))


def table(found: dict[str, Result]) -> str:
    """Medians and 95th percentiles as Markdown."""
    rows = []
    for name, result in found.items():
        model, how = name.split("/")
        cells = [_cell(part) for part in (result.encode, result.decode, result.vocoder)]
        if not any(result.vocoder):
            cells[2] = "-"
        p95 = float(np.percentile(result.whole, 95))
        verdict = "yes" if p95 < result.lasts else "no"
        factor = float(np.median(result.whole)) / result.lasts
        row = [model, how, f"{result.lasts:.1f}", *cells, _cell(result.whole), _cell(result.cpu)]
        rows.append([*row, f"{factor:.3f}", verdict])
    header = ["model", "weights", "lasts, ms", "encode", "decode", "vocoder", "whole path"]
    return markdown([*header, "CPU time", "real-time factor", "real time"], rows)


def _cell(values: list[float]) -> str:
    return f"{np.median(values):.1f} / {np.percentile(values, 95):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("source", type=Path, nargs="?", default=SPEECH)
    parser.add_argument("--out", type=Path, help="keep the sound that came out there")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--candidates", nargs="+", default=CANDIDATES, metavar="MODEL/HOW")
    parser.add_argument("--against", type=Path, metavar="CHECKOUT", help="compare with this one")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.only:
        name, _, how = args.only.partition("/")
        if how in GRAPHS:
            result = graphs(name, GRAPHS[how])
        else:
            result = mimi() if name == "mimi" else ours(name, how, args.source, args.out)
        print(json.dumps(asdict(result)))
        return
    if args.against is not None:
        publish(paired(args.candidates, args.turns, args.source, args.against), args.markdown)
        return
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        found = measure(args.candidates, args.turns, args.source, args.out or Path(scratch))
    text = "ms per token: median / 95th percentile.\n\n" + table(found)
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
