"""Train the text-to-token model on an extraction.

python examples/tts/train.py tokens --output tts.safetensors [--steps 2000]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

import torch
from model import PAD, Sizes, TextToTokens, Vocabulary, save, speech_of
from torch import Tensor

from secousti.errors import SecoustiError
from secousti.extraction.dataset import TokenDataset


def sequences(dataset: TokenDataset, vocabulary: Vocabulary, longest: int) -> Iterator[Tensor]:
    """Utterances with text, epoch after epoch, as id sequences.

    Raises:
        SecoustiError: not one utterance has a text and fits.
    """
    epoch = 0
    while True:
        dataset.set_epoch(epoch)
        texts = used = 0
        for row in dataset:
            if not vocabulary.reads(row["text"]):
                continue
            texts += 1
            ids = vocabulary.example(row["text"], speech_of(row))
            if len(ids) <= longest:
                used += 1
                yield ids
        if not used:
            raise SecoustiError(what_is_missing(dataset, texts, longest))
        epoch += 1


def what_is_missing(dataset: TokenDataset, texts: int, longest: int) -> str:
    """Why there is nothing to learn from."""
    if texts:
        return f"{dataset.folder}: no utterance fits {longest} ids, text and tokens together"
    return (
        f"{dataset.folder} holds {len(dataset)} utterances, and none has a text: extract from a "
        ".jsonl manifest or a table that has one ('text'), in letters from a to z"
    )


def batches(examples: Iterator[Tensor], size: int) -> Iterator[Tensor]:
    """int64 [B, T]; utterances of like length meet in a pool of 16 batches."""
    while True:
        pool = sorted((next(examples) for _ in range(16 * size)), key=len)
        for i in torch.randperm(16).tolist():
            rows = pool[i * size : (i + 1) * size]
            yield torch.nn.utils.rnn.pad_sequence(rows, True, PAD)


def positive(text: str) -> int:
    """A number of the command line, 1 or more."""
    if int(text) < 1:
        raise ValueError(text)
    return int(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokens", help="folder made by 'secousti extract'")
    parser.add_argument("--output", default="tts.safetensors")
    parser.add_argument("--steps", type=positive, default=2000)
    parser.add_argument("--batch-size", type=positive, default=8)
    parser.add_argument("--lr", type=float, default=6e-4)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    dataset = TokenDataset(args.tokens, shuffle=True, seed=args.seed)
    vocabulary = Vocabulary(dataset.codec["codebook_size"], tuple(dataset.codec.get("levels", ())))
    model = TextToTokens(vocabulary, Sizes())
    optimizer = torch.optim.AdamW(model.parameters(), args.lr, betas=(0.9, 0.95))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, args.lr, args.steps)
    data = batches(sequences(dataset, vocabulary, model.sizes.longest), args.batch_size)
    for step in range(1, args.steps + 1):
        loss = model.loss(next(data))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == 1:
            print(f"step {step}: {loss.item():.3f} nats a token", flush=True)
        if step % 250 == 0 or step == args.steps:
            save(model, args.output, dataset.codec)


if __name__ == "__main__":
    try:
        main()
    except SecoustiError as error:
        sys.exit(f"error: {error}")
