"""Recordings and pictures of docs/models.md: python docs/make_examples.py [MODEL ...]

``examples/speech.wav`` (flite's voice slt) through each bundled model and, where the model sends a
voice, its words in that of ``examples/voice.wav`` (flite's awb). Needs the extra [eval].
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import soundfile
import torch
from PIL import Image

from secousti import load_codec
from secousti.atomic import replacing
from secousti.evaluation.audio import Audio
from secousti.evaluation.report.draw import new_figure, save, show_spectrogram

DOCS = Path(__file__).parent
SPEECH, VOICE = (DOCS.parent / "examples" / name for name in ("speech.wav", "voice.wav"))


def main(models: list[str]) -> None:
    """Write docs/audio/*.flac and docs/images/examples.png."""
    torch.set_num_threads(1)
    rows = {"recording": soundfile.read(SPEECH, dtype="float32")}
    for path in (SPEECH, VOICE):
        write(path.stem, *soundfile.read(path, dtype="float32"))
    for name in models:
        codec = load_codec(name)
        heard = codec.decode(codec.encode(str(SPEECH)))[0, 0].numpy()
        rows[f"{name} ({codec.bitrate:.0f} bit/s)"] = heard, codec.sample_rate
        write(name, heard, codec.sample_rate)
        if codec.voice_size:
            other = codec.convert(str(SPEECH), str(VOICE))[0, 0].numpy()
            write(f"{name}-voice", other, codec.sample_rate)
    figure = new_figure(9.0, 2.2 * len(rows))
    for row, (title, (samples, rate)) in enumerate(rows.items()):
        axes = figure.add_subplot(len(rows), 1, row + 1)
        show_spectrogram(axes, Audio(samples, rate))
        axes.set_title(title, loc="left", fontsize=10)
        axes.set_ylabel("kHz")
        axes.set_xlabel("s" if row == len(rows) - 1 else "")
    picture = save(figure, DOCS / "images" / "examples.png")
    with Image.open(picture) as drawn:
        few = drawn.convert("RGB").quantize(128)  # a third of the bytes
    few.save(picture, optimize=True)


def write(name: str, samples: np.ndarray, rate: int) -> None:
    """Save [N] as docs/audio/NAME.flac."""
    with replacing(DOCS / "audio" / f"{name}.flac") as path:
        soundfile.write(path, samples.clip(-1, 1), rate, format="FLAC", subtype="PCM_16")


if __name__ == "__main__":
    main(sys.argv[1:] or ["mini-21hz", "p2psyn-mini-16k", "mini-86hz"])
