"""Vocoders side by side: cost of a second of audio and of a streamed frame, and sound quality.

One thread, candidates in turn, random weights for speed (it does not depend on them):

    python -m benchmarks.vocoder [--turns 3] [--markdown docs/tables/vocoder_speed.md]

Copy-synthesis of held-out speakers, beside Griffin-Lim on the same mels:

    python -m benchmarks.vocoder --quality FOLDER... --manifest valid.jsonl --root SPEECH
        [--seen train.jsonl] [--utterances 16] [--markdown docs/tables/vocoder_quality.md]

A folder holds a saved vocoder (``<output>/vocoder`` of a training run). Needs ``pesq``, ``pystoi``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.measure import markdown, print_sample, publish, take_turns, timed, timing_parser

SECONDS = 10.0
REPOSITORY = Path(__file__).parents[1]
MINI = REPOSITORY / "configs" / "vocoder" / "mini_causal_istft.yaml"
SMALL = REPOSITORY / "configs" / "vocoder" / "mini_hifigan.yaml"
STREAMS = ("causal_istft", "hifigan_small", "hifigan_v1", "hift")
CHUNKS = (1, 4)  # mel frames: a token at 86 and at 21.5 Hz


def vocoder(name: str):  # type: ignore[no-untyped-def]
    """A vocoder with random weights."""
    from secousti.config import MelConfig, from_dict, read_yaml
    from secousti.vocoder import VocoderConfig, build_vocoder

    torch.manual_seed(0)
    files = {"causal_istft": MINI, "hifigan_small": SMALL}
    if name in files:
        config = from_dict(VocoderConfig, read_yaml(files[name])["vocoder"])
    else:
        config = VocoderConfig(kind="hift" if name == "hift" else "hifigan")
    return build_vocoder(config, MelConfig()).eval().requires_grad_(False)


def offline(name: str) -> Callable[[], object]:
    """The call that vocodes ten seconds."""
    frames = int(SECONDS * 22050 / 256)
    mel = torch.randn(1, 80, frames) - 5
    if name == "griffin_lim":
        return lambda: griffin_lim(mel)
    model = vocoder(name)
    return lambda: model(mel)


def step(name: str, frames: int) -> Callable[[], object]:
    """The call that vocodes the next ``frames`` of a stream."""
    model = vocoder(name)
    state = model.init_state(1)
    mel = torch.randn(1, 80, frames) - 5

    @torch.inference_mode()
    def call() -> None:
        nonlocal state
        _, state = model(mel, state)

    return call


@torch.no_grad()
def griffin_lim(mel: Tensor, iterations: int = 60) -> Tensor:
    """Causal log-mel [1, 80, T] -> audio [1, 256 (T - 2)], non-causal, the classic reference.

    The linear magnitudes are the non-negative ones that fit the mel (multiplicative updates).
    """
    import torchaudio

    from secousti.audio.mel import slaney_filterbank
    from secousti.config import MelConfig

    filters, wanted = slaney_filterbank(MelConfig()), mel[0, :, 1:].exp()
    magnitude = filters.T @ wanted + 1e-6
    for _ in range(100):
        magnitude *= (filters.T @ wanted) / (filters.T @ (filters @ magnitude) + 1e-9)
    torch.manual_seed(0)
    # Frame t is centred on sample 256 (t - 1): with the first left out, as torch.istft expects.
    return torchaudio.functional.griffinlim(
        magnitude[None], torch.hann_window(1024), 1024, 256, 1024, 1.0, iterations, 0.99, None, True
    )


def speed(turns: int, calls: int) -> str:
    """Offline and streaming cost as Markdown."""
    names = [f"{name}/offline" for name in (*STREAMS, "griffin_lim")]
    steps = [f"{name}/{frames}" for name in STREAMS for frames in CHUNKS]
    whole = take_turns(__spec__.name, names, turns, calls)
    live = take_turns(__spec__.name, steps, turns, 40 * calls)
    rows = []
    for name in (*STREAMS, "griffin_lim"):
        row = [name, f"{whole[f'{name}/offline'].cpu / SECONDS:.4f}"]
        for frames in CHUNKS if name in STREAMS else ():
            sample, length = live[f"{name}/{frames}"], frames * 256 / 22050
            row += [
                f"{1e3 * sample.cpu:.2f} / {1e3 * sample.p95:.2f}",
                f"{sample.cpu / length:.3f}",
            ]
        if name in STREAMS:
            model = vocoder(name)
            size = sum(p.numel() for p in model.parameters()) / 1e6
            row += [f"{size:.1f}", f"{1e3 * model.delay / model.sample_rate:.1f}"]
        rows.append(row + ["-"] * (8 - len(row)))
    header = ["vocoder", "offline RTF"]
    for frames in CHUNKS:
        header += [f"{frames} frame(s): ms median / p95", "RTF"]
    return markdown([*header, "M parameters", "look-ahead, ms"], rows)


def quality(args: argparse.Namespace) -> str:
    """Scores of saved vocoders and of Griffin-Lim as Markdown."""
    from secousti.audio.mel import LogMel
    from secousti.vocoder.files import load_vocoder
    from train.data.packed import PackedAudio
    from train.engine.sound import perceptual
    from train.vocoder.validate import held_out, score_copies

    with tempfile.TemporaryDirectory() as cache:
        audio = PackedAudio([args.manifest], args.root, 22050, cache)
    lines = [line for path in args.seen for line in path.read_text("utf-8").splitlines()]
    rows = held_out(audio, {json.loads(line)["speaker"] for line in lines}, args.utterances)
    table = []
    for folder in args.quality:
        model, _ = load_vocoder(folder)
        scores, _ = score_copies(model, LogMel(model.mel), audio, rows)
        lookahead = f"{1e3 * model.delay / model.sample_rate:.1f}"
        table.append([str(folder), lookahead, *(f"{value:.3f}" for value in scores.values())])
    mel = LogMel(model.mel)
    classic = []
    for row in rows:
        wav = torch.from_numpy(audio.crop(row))
        copy = griffin_lim(mel(wav[None]))[0]
        classic.append(perceptual(wav[: len(copy)].numpy(), copy.numpy(), 22050))
    pesq = np.mean([score for score, _ in classic if score is not None])
    stoi = np.mean([score for _, score in classic])
    table.append(["Griffin-Lim, 60 iterations", "whole file", f"{pesq:.3f}", f"{stoi:.3f}", "-"])
    return markdown(["vocoder", "look-ahead, ms", "PESQ-WB", "STOI", "log-mel L1"], table)


def main() -> None:
    parser = timing_parser(__doc__)
    parser.add_argument("--quality", type=Path, nargs="+", help="folders of saved vocoders")
    parser.add_argument("--manifest", type=Path)
    parser.add_argument("--root", type=Path)
    parser.add_argument("--seen", type=Path, nargs="*", default=[], help="manifests trained on")
    parser.add_argument("--utterances", type=int, default=16)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.only:
        name, _, what = args.only.partition("/")
        call = (lambda: offline(name)) if what == "offline" else (lambda: step(name, int(what)))
        print_sample(timed(call, args.calls))
        return
    text = quality(args) if args.quality else speed(args.turns, args.calls)
    publish(text, args.markdown)


if __name__ == "__main__":
    main()
