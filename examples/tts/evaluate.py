"""Does the model listen to the text? Nats a token on utterances it has not seen.

    python examples/tts/evaluate.py tts.safetensors --train tokens --valid tokens_valid

Each utterance is scored after its own text, after the text of another one, and by how often its
tokens occur in training (unigrams): a model that has learnt to read is best after its own text.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from math import log
from typing import Any

import torch
from model import TextToTokens, load, speech_of

from secousti.errors import SecoustiError
from secousti.extraction.dataset import TokenDataset

Spoken = tuple[str, torch.Tensor]


def with_text(folder: str, model: TextToTokens, codec: dict[str, Any]) -> list[Spoken]:
    """Texts and codes int64 [L] of the utterances that have a text and fit.

    Raises:
        SecoustiError: there are none, or they are of another codec than the model's.
    """
    dataset, longest, reads = TokenDataset(folder), model.sizes.longest, model.vocabulary.reads
    if dataset.codec.get("token_hash") != codec.get("token_hash"):
        raise SecoustiError(f"{folder} holds tokens of another codec than {codec['model_id']}")
    rows = [(row["text"], speech_of(row)) for row in dataset if reads(row["text"])]
    fitting = [(text, codes) for text, codes in rows if len(text) + len(codes) + 2 <= longest]
    if not fitting:
        raise SecoustiError(f"{folder}: no utterance has a text and fits {longest} ids")
    return fitting


@torch.no_grad()
def nats(model: TextToTokens, texts: list[str], codes: list[torch.Tensor]) -> float:
    """Mean over tokens."""
    total, count = 0.0, 0
    for text, row in zip(texts, codes, strict=True):
        ids = model.vocabulary.example(text, row)[None]
        total += float(model.loss(ids)) * (len(row) + 1)
        count += len(row) + 1
    return total / count


def unigram(train: list[torch.Tensor], valid: list[torch.Tensor], size: int) -> float:
    """Mean nats a token under add-one counts."""
    counts = Counter(token for row in train for token in row.tolist())
    total = sum(counts.values()) + size
    tokens = [token for row in valid for token in row.tolist()]
    return -sum(log((counts[token] + 1) / total) for token in tokens) / len(tokens)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("--train", required=True, help="extraction that it was trained on")
    parser.add_argument("--valid", required=True, help="extraction that it has not seen")
    args = parser.parse_args()
    model, codec = load(args.model)
    train, valid = (with_text(folder, model, codec) for folder in (args.train, args.valid))
    texts, codes = [text for text, _ in valid], [row for _, row in valid]
    others = [*texts[1:], texts[0]]
    size = codec["codebook_size"]
    print(f"all ids alike         {log(size):.3f} nats a token")
    print(f"unigrams              {unigram([row for _, row in train], codes, size):.3f}")
    print(f"after another's text  {nats(model, others, codes):.3f}")
    print(f"after its own text    {nats(model, texts, codes):.3f}")


if __name__ == "__main__":
    try:
        main()
    except SecoustiError as error:
        sys.exit(f"error: {error}")
