"""Speech -> tokens -> speech with onnxruntime and numpy alone, one token at a time.

    secousti export -o exported
    python examples/onnx_stream.py exported examples/speech.wav heard.wav
    python examples/onnx_stream.py exported examples/speech.wav heard.wav --voice examples/voice.wav

Recordings of any sample rate. It speaks in the voice of the recording itself, or of the one given
with --voice (64 numbers in a .npy file are taken, too). Prints the tokens.
Needs: numpy, onnxruntime, soundfile, soxr. No torch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import soundfile
import soxr

TYPES = {"tensor(float)": "f4", "tensor(double)": "f8", "tensor(int64)": "i8"}


class Step:
    """One graph with its state: all zeros at the start, then whatever the last step returned."""

    def __init__(self, path: Path) -> None:
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        inputs = self.session.get_inputs()
        self.state = {
            value.name: np.zeros(
                [n if isinstance(n, int) else 1 for n in value.shape], TYPES[value.type]
            )
            for value in inputs
            if value.name.startswith("state.")
        }
        self.shapes = {value.name: value.shape for value in inputs}

    def __call__(self, **inputs: np.ndarray) -> np.ndarray:
        output, *state = self.session.run(None, {**inputs, **self.state})
        self.state = dict(zip(self.state, state, strict=True))
        return output


def read(path: Path, rate: int) -> np.ndarray:
    """A recording [N] at ``rate`` Hz, mono."""
    wav, given = soundfile.read(path, dtype="float32", always_2d=True)
    return wav.mean(1) if given == rate else soxr.resample(wav.mean(1), given, rate)


def voice_of(path: Path, folder: Path, about: dict[str, Any]) -> np.ndarray:
    """Who speaks in a recording [1, 64], by a window in the middle of it."""
    if path.suffix == ".npy":
        return np.load(path).reshape(1, -1).astype("f4")
    wav, hop, overlap = read(path, about["sample_rate"]), about["hop_length"], about["overlap"]
    if about["lookahead"]:  # frames are centred: the released front end mirrors both ends
        half = overlap // 2
        wav = np.pad(wav, (0, max(0, half + 1 - len(wav))))
        padded, frames = np.pad(wav, half, mode="reflect"), len(wav) // hop
    else:
        frames = -(-len(wav) // about["frame_size"]) * (about["frame_size"] // hop)
        padded = np.pad(wav, (overlap, frames * hop - len(wav)))
    window = about["voice_frames"]
    first = max(frames // 2 - window // 2, 0)
    count = min(frames // 2 + window // 2, frames) - first
    part = padded[first * hop : (first + count) * hop + overlap]
    part = np.pad(part, (0, window * hop + overlap - len(part)))[None].astype("f4")
    numbers = Step(folder / "voice.onnx")(audio=part, frames=np.array([count]))
    return np.round(numbers * 127) / np.float32(127)  # as it travels, in 8 bits


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="what `secousti export -o` wrote")
    parser.add_argument("source", type=Path, help="a recording")
    parser.add_argument("output", type=Path, help="the WAV file to write")
    parser.add_argument("--voice", type=Path, help="speak in the voice of this recording")
    args = parser.parse_args()
    about = json.loads((args.folder / "export.json").read_text())
    wav, frame = read(args.source, about["sample_rate"]), about["frame_size"]
    encoder, decoder = Step(args.folder / "encoder.onnx"), Step(args.folder / "decoder.onnx")
    vocoder = Step(args.folder / "vocoder.onnx") if "mel_silence" in about else None
    speaker = {}
    if about["voice_size"]:
        speaker["paralinguistic"] = voice_of(args.voice or args.source, args.folder, about)

    length = len(wav)
    if about["lookahead"]:  # the front end looks ahead, mirrored at the start
        half = about["lookahead"]
        past = np.concatenate([wav[half:0:-1], wav[:half]])
        encoder.state["state.mel.past"] = past[None].astype("f4")
        wav = wav[half:]
    # A last token holds the end; what overlaps at the start of the sound needs a frame more.
    extra = about["hop_length"] if vocoder is None else 0
    wav = np.pad(wav, (0, -(len(wav) + extra) % frame + extra))
    tokens, heard = [], []
    for chunk in wav.astype("f4").reshape(-1, 1, frame):
        codes = encoder(audio=chunk)  # int64 [1, 1, 1]: what travels
        tokens.append(int(codes[0, 0, 0]))
        sound = decoder(codes=codes, **speaker)
        heard.append((sound if vocoder is None else vocoder(mel=sound))[0, 0])
    if vocoder is not None:  # bring out what the vocoder still holds
        silence = np.full((1, *vocoder.shapes["mel"][1:]), about["mel_silence"], "f4")
        for _ in range(-(-about["delay"] // frame)):
            heard.append(vocoder(mel=silence)[0, 0])
    sound = np.concatenate(heard)[about["delay"] :][:length]
    soundfile.write(args.output, sound, about["sample_rate"])
    print(json.dumps(tokens))


if __name__ == "__main__":
    main()
