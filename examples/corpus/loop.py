"""A training loop over extracted tokens: the least that learns something from them.

    secousti extract corpora/mini/train.jsonl -o tokens
    secousti extract corpora/mini/valid.jsonl -o tokens_valid
    python examples/corpus/loop.py tokens tokens_valid --epochs 3

A GRU predicts each token from those before it. What it prints is the cross-entropy in bits a token,
beside that of a fair guess and that of how often each id occurs. Needs: secousti[extract].
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from secousti.extraction.dataset import PAD, TokenDataset, collate


class NextToken(nn.Module):
    """Tokens so far [B, L] -> logits of the next ones [B, L, entries]; id ``entries`` begins."""

    def __init__(self, entries: int, width: int = 256) -> None:
        super().__init__()
        self.embed = nn.Embedding(entries + 1, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, entries)

    def forward(self, ids: Tensor) -> Tensor:
        logits: Tensor = self.head(self.gru(self.embed(ids))[0])
        return logits


def loss_of(model: NextToken, codes: Tensor) -> Tensor:
    """Mean nats a token of a batch [B, L] padded with ``PAD``."""
    begin = torch.full_like(codes[:, :1], model.head.out_features)
    inputs = torch.cat([begin, codes[:, :-1].clamp(min=0)], dim=1)
    return F.cross_entropy(model(inputs).flatten(0, 1), codes.flatten(), ignore_index=PAD)


def batches(folder: str, shuffle: bool = False, epoch: int = 0) -> Iterator[Tensor]:
    """Codes [B, L] of the first codebook."""
    dataset = TokenDataset(folder, shuffle=shuffle)
    dataset.set_epoch(epoch)
    for batch in DataLoader(dataset, batch_size=16, collate_fn=collate):
        yield batch["codes"][:, 0]


def by_frequency(train: str, valid: str, entries: int) -> float:
    """Bits a token when only the frequencies of ids are known (each counted once more)."""
    counts = torch.ones(entries)
    for codes in batches(train):
        counts += torch.bincount(codes[codes != PAD], minlength=entries)
    bits = -(counts / counts.sum()).log2()
    spoken = torch.cat([codes[codes != PAD] for codes in batches(valid)])
    return bits[spoken].mean().item()


@torch.no_grad()
def score(model: NextToken, folder: str) -> float:
    """Bits a token of a whole extraction."""
    bits, tokens = 0.0, 0
    for codes in batches(folder):
        count = int((codes != PAD).sum())
        bits += loss_of(model, codes).item() * count / math.log(2)
        tokens += count
    return bits / tokens


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("train", help="what `secousti extract` wrote")
    parser.add_argument("valid", help="the same of other recordings")
    parser.add_argument("--epochs", type=int, default=3)
    args = parser.parse_args()
    torch.manual_seed(0)
    entries = TokenDataset(args.train).codec["codebook_size"]
    model = NextToken(entries)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    print(f"a fair guess: {math.log2(entries):.2f} bits a token")
    print(f"by frequency: {by_frequency(args.train, args.valid, entries):.2f}")
    for epoch in range(args.epochs):
        for codes in batches(args.train, shuffle=True, epoch=epoch):
            optimizer.zero_grad()
            loss_of(model, codes).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        print(f"epoch {epoch + 1}: {score(model, args.valid):.2f}", flush=True)


if __name__ == "__main__":
    main()
