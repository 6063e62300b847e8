"""Algorithmic latency of whole paths, to the sample, by touching what must and must not matter.

All input from some sample on is made very loud; the last such sample that moves what the quantizer
sees of a token is where that token ends. Then that token is exchanged for another; the first output
sample that moves is where its sound begins. What lies between is the latency, which the
architecture promises as ``codec.latency``:

    python -m benchmarks.latency
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.measure import markdown
from secousti import SecoustiCodec
from secousti.config import from_dict, load_codec_config, read_yaml
from secousti.vocoder import VocoderConfig

CONFIGS = Path(__file__).parents[1] / "configs"
OWN_VOCODER = CONFIGS / "vocoder" / "causal_istft.yaml"
TOKEN = 24  # the token that is looked at, of 48; HiFT looks 19 frames ahead
LOUD = 1e3  # the mel's window weighs its last sample with 1e-5


def configured(name: str, vocoder: Path | None) -> SecoustiCodec:
    """A codec of ``configs`` with random weights; our vocoder comes with the causal mel."""
    torch.manual_seed(0)
    config = load_codec_config(CONFIGS / f"{name}.yaml")
    if vocoder is not None:
        own = from_dict(VocoderConfig, read_yaml(vocoder)["vocoder"])
        config = replace(config, vocoder=own, mel=replace(config.mel, mode="causal"))
    return SecoustiCodec(config).eval()


MODELS: dict[str, Callable[[], SecoustiCodec]] = {
    "`mini-21hz`": lambda: SecoustiCodec.from_pretrained("mini-21hz"),
    "`mini-86hz`": lambda: SecoustiCodec.from_pretrained("mini-86hz"),
    "`secousti_21hz.yaml`, causal mel, our vocoder": lambda: configured(
        "secousti_21hz", OWN_VOCODER
    ),
    "`secousti_86hz.yaml`, causal mel, our vocoder": lambda: configured(
        "secousti_86hz", OWN_VOCODER
    ),
    "released 21.5 Hz and HiFT": lambda: configured("secousti_21hz", None),
    "released 86 Hz and HiFT": lambda: configured("secousti_86hz", None),
}


@torch.no_grad()
def last_needed(codec: SecoustiCodec) -> int:
    """The last input sample that token ``TOKEN`` depends on, by bisection."""
    wav = 1e-3 * torch.randn(1, 2 * TOKEN * codec.frame_size)
    before = _seen(codec, wav)
    needed, unneeded = 0, wav.shape[1]  # touching all from here on is noticed, is not
    while unneeded - needed > 1:
        middle = (needed + unneeded) // 2
        touched = wav.clone()
        touched[0, middle:] += LOUD
        if torch.equal(_seen(codec, touched), before):
            unneeded = middle
        else:
            needed = middle
    return needed


def _seen(codec: SecoustiCodec, wav: Tensor) -> Tensor:
    """What decides the token, of just the frames up to it: later ones cannot change it."""
    mel = codec.mel(wav, codec.frames_per_token)[..., : (TOKEN + 1) * codec.frames_per_token]
    z, _ = codec.encoder(mel)
    return codec.semantic_projection(z)[0][..., TOKEN]


def first_spoken(codec: SecoustiCodec) -> int:
    """The first output sample that token ``TOKEN`` moves."""
    encoded = codec.encode(0.1 * torch.randn(1, 2 * TOKEN * codec.frame_size), codec.sample_rate)
    codes = torch.randint(0, codec.codebook_size, encoded.codes.shape)
    exchanged = codes.clone()
    exchanged[..., TOKEN] = (codes[..., TOKEN] + codec.codebook_size // 2) % codec.codebook_size
    sounds = [codec.decode(replace(encoded, codes=c))[0, 0] for c in (codes, exchanged)]
    return int((sounds[0] != sounds[1]).nonzero()[0])


def main() -> None:
    torch.set_num_threads(1)
    rows = []
    for name, build in MODELS.items():
        codec = build()
        promised, found = codec.latency(), last_needed(codec) - first_spoken(codec) + 1
        assert promised is not None, f"{name} does not stream"
        rows.append(
            [
                name,
                f"{codec.frame_size}",
                f"{promised}",
                f"{found}",
                f"{1e3 * promised / codec.sample_rate:.1f}",
                f"{1e3 * found / codec.sample_rate:.1f}",
            ]
        )
        print(rows[-1], flush=True)
    header = ["path", "token, samples", "promised, samples", "found, samples", "promised, ms"]
    print(markdown([*header, "found, ms"], rows))


if __name__ == "__main__":
    main()
