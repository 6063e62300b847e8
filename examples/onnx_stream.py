"""Speech -> tokens -> speech with onnxruntime and numpy alone, one token at a time.

    secousti export -o exported
    python examples/onnx_stream.py exported speech.wav heard.wav [voice.npy]

``voice.npy`` holds the 64 numbers of a voice (``codec.encode(...).paralinguistic``); without it
the decoder speaks in an average one. Needs: numpy, onnxruntime, soundfile. No torch.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import soundfile


class Step:
    """One graph with its state: all zeros at the start, then whatever the last step returned."""

    def __init__(self, path):
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.state = {
            value.name: np.zeros(
                [n if isinstance(n, int) else 1 for n in value.shape],
                {"tensor(float)": "f4", "tensor(double)": "f8", "tensor(int64)": "i8"}[value.type],
            )
            for value in self.session.get_inputs()
            if value.name.startswith("state.")
        }

    def __call__(self, **inputs):
        output, *state = self.session.run(None, {**inputs, **self.state})
        self.state = dict(zip(self.state, state, strict=True))
        return output


folder = Path(sys.argv[1])
about = json.loads((folder / "export.json").read_text())
wav, rate = soundfile.read(sys.argv[2], dtype="float32", always_2d=True)
if rate != about["sample_rate"]:
    sys.exit(f"this example does not resample: give it {about['sample_rate']} Hz")
wav, frame = wav.mean(1), about["frame_size"]
voice = np.load(sys.argv[4]) if len(sys.argv) > 4 else np.zeros((1, 64))
voice = voice.reshape(1, 64).astype("f4")

encoder, decoder = Step(folder / "encoder.onnx"), Step(folder / "decoder.onnx")
vocoder = Step(folder / "vocoder.onnx")
if about["mel_mode"] == "centered":  # the released front end looks 384 samples ahead, mirrored
    half = encoder.state["state.mel.past"].shape[1] // 2
    encoder.state["state.mel.past"] = np.concatenate([wav[half:0:-1], wav[:half]])[None]
    wav = wav[half:]
tokens, heard = [], []
for start in range(0, len(wav), frame):
    chunk = np.pad(wav[start : start + frame], (0, max(0, start + frame - len(wav))))
    codes = encoder(audio=chunk[None])  # int64 [1, 1, 1]: what travels
    tokens.append(int(codes[0, 0, 0]))
    heard.append(vocoder(mel=decoder(codes=codes, paralinguistic=voice))[0, 0])
silence = np.full((1, *vocoder.session.get_inputs()[0].shape[1:]), about["mel_silence"], "f4")
for _ in range(-(-about["vocoder_delay"] // frame)):  # bring out what the vocoder still holds
    heard.append(vocoder(mel=silence)[0, 0])
delay = about["vocoder_delay"]
soundfile.write(sys.argv[3], np.concatenate(heard)[delay : delay + len(wav)], rate)
print(json.dumps(tokens))
