"""How far voice conversion can get: each speaker's words, coded in the speaker's own voice.

    python -m benchmarks.own_voice corpora/mini/valid.jsonl --model mini-21hz [--model ...]

One recording of a speaker goes through the codec, its voice taken from itself; the similarity is to
another recording of the same speaker (Resemblyzer's cosine, as in ``secousti eval conversion``). A
perfect conversion sounds as much like its target as this. The first row is the recording as it is.
Two pairs of each speaker who has two recordings, 8 s of each at most; intervals are over speakers.
Needs the extra [eval].
"""

from __future__ import annotations

import argparse
import json
import random
from collections import defaultdict
from pathlib import Path

import torch

from benchmarks.measure import markdown
from secousti import SecoustiCodec
from secousti.evaluation.audio import Audio, read_audio
from secousti.evaluation.metrics.base import Sample, Score
from secousti.evaluation.metrics.similarity import SpeakerSimilarity
from secousti.evaluation.statistics import estimate

SECONDS = 8
PAIRS = 2  # of each speaker


def pairs(manifest: Path) -> list[tuple[str, Path, Path]]:
    """Speaker and two recordings, the same ones at every call."""
    recordings = defaultdict(list)
    for line in manifest.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        recordings[row["speaker"]].append(manifest.parent / row["audio"])
    rng = random.Random(0)
    return [
        (speaker, *rng.sample(paths, 2))
        for speaker, paths in recordings.items()
        if len(paths) > 1
        for _ in range(PAIRS)
    ]


def read(path: Path) -> Audio:
    """The beginning of a recording."""
    audio = read_audio(path)
    return Audio(audio.samples[: SECONDS * audio.rate], audio.rate)


@torch.no_grad()
def coded(codec: SecoustiCodec, audio: Audio) -> Audio:
    """Through tokens and back, in its own voice."""
    heard = codec.decode(
        codec.encode(torch.from_numpy(audio.at(codec.sample_rate)), codec.sample_rate)
    )
    return Audio(heard[0, 0].numpy(), codec.sample_rate)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--model", action="append", required=True, help="may be repeated")
    args = parser.parse_args()
    similarity = SpeakerSimilarity()
    codecs = {model: SecoustiCodec.from_pretrained(model).eval() for model in args.model}
    scores: dict[str, list[Score]] = defaultdict(list)
    chosen = pairs(args.manifest)
    for _, one, other in chosen:
        spoken, wanted = read(one), read(other)
        heard = {"the recording": spoken}
        heard |= {model: coded(codec, spoken) for model, codec in codecs.items()}
        for name, audio in heard.items():
            scores[name].append(similarity.compute(Sample(audio, identity=wanted)))
    speakers = [speaker for speaker, _, _ in chosen]
    rows = []
    for name, values in scores.items():
        found = estimate(values, speakers)
        rows.append([name, f"{found.mean:.2f} [{found.low:.2f}, {found.high:.2f}]"])
    print(markdown(["in the own voice", "similarity to another recording"], rows))
    print(f"{len(chosen)} pairs of {len(set(speakers))} speakers")


if __name__ == "__main__":
    main()
