"""The token cache of stage 2: every stage's tokens of a corpus, extracted once.

The file does not say which codec made the tokens, only what they add to a latent: ``write_cache``
with the codes and code vectors of any residual quantizer gives a pseudo quantizer for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from safetensors import SafetensorError, safe_open
from torch import Tensor
from torch.utils.data import Dataset

from secousti.errors import SecoustiError
from secousti.p2psyn.codec import P2PSynCodec
from secousti.pretrained import save_tensors
from train.data.crops import Drawer
from train.data.packed import PackedCorpus
from train.p2psyn.crops import at_level


class TokenCache:
    """``codes[i]`` int64 [S, L_i] of each recording, and ``vectors`` float32 [S, M, K].

    Raises:
        SecoustiError: the file is missing or is no token cache.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise SecoustiError(f"there is no token cache {path}; make it with the command tokens")
        try:
            with safe_open(str(path), framework="pt") as file:
                self.vectors: Tensor = file.get_tensor("vectors")
                packed: Tensor = file.get_tensor("codes")
                ends = file.get_tensor("ends").tolist()
                self.token_hash: str = (file.metadata() or {})["token_hash"]
        except (SafetensorError, KeyError) as error:
            raise SecoustiError(f"{path} is no token cache: {error}") from None
        starts = [0, *ends[:-1]]
        self.codes = [packed[:, a:b].long() for a, b in zip(starts, ends, strict=True)]

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def num_stages(self) -> int:
        """Stages of the quantizer (S)."""
        return len(self.vectors)


def write_cache(path: Path, codes: Iterable[Tensor], vectors: Tensor, token_hash: str) -> None:
    """Codes int64 [S, L_i] of each recording and the quantizer's vectors [S, M, K] to a file.

    ``token_hash`` names the quantizer (``P2PSynCodec.weight_hash``, or any text of another's).

    Raises:
        SecoustiError: no recording, or a code outside the codebook.
    """
    rows = list(codes)
    if not rows:
        raise SecoustiError("a token cache needs at least one recording")
    packed = torch.cat(rows, dim=1)
    if int(packed.min()) < 0 or int(packed.max()) >= vectors.shape[1]:
        raise SecoustiError(f"codes must lie in 0..{vectors.shape[1] - 1}")
    tensors = {
        "codes": packed.to(torch.int32),
        "ends": torch.tensor([row.shape[1] for row in rows]).cumsum(0),
        "vectors": vectors.detach().float().cpu().contiguous(),
    }
    save_tensors(path, tensors, {"token_hash": token_hash})


def extract(
    codec: P2PSynCodec, corpus: PackedCorpus, path: Path, level_db: Sequence[float] | None = None
) -> Path:
    """Write the cache of ``corpus``; with ``level_db`` each recording at a level drawn from it."""
    rng = np.random.default_rng(0)

    def codes() -> Iterable[Tensor]:
        for i in track(range(len(corpus)), description="tokens"):
            audio = corpus.crop(i)
            if level_db is not None and len(audio):
                audio = at_level(audio, float(rng.uniform(level_db[0], level_db[1])))
            if len(audio):
                yield codec.encode(audio, codec.sample_rate, stages="all").codes[0].cpu()

    write_cache(path, codes(), codec.teacher.quantizer.vectors(), codec.weight_hash)
    return path


@dataclass(frozen=True)
class Tokens:
    """Codes int64 [B, S, L] with zeros at the ends, lengths int64 [B], names of the recordings."""

    codes: Tensor
    lengths: Tensor
    names: list[str]

    def to(self, device: torch.device) -> Tokens:
        return Tokens(self.codes.to(device), self.lengths.to(device), self.names)


class TokenBatches(Dataset[Tokens]):
    """Micro-batch ``position`` of process ``rank``: stretches of at most ``tokens`` tokens."""

    def __init__(
        self,
        cache: TokenCache,
        batch_size: int,
        tokens: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.cache, self.tokens = cache, tokens
        lengths = [codes.shape[1] for codes in cache.codes]
        self.drawer = Drawer(lengths, batch_size, seed, rank, world_size)

    def __getitem__(self, position: int) -> Tokens:
        drawn = self.drawer.mine(position)
        rows = [self._cut(i, np.random.default_rng(key)) for i, key in drawn]
        return Tokens(*padded(rows), [f"row {i} of the token cache" for i, _ in drawn])

    def _cut(self, index: int, rng: np.random.Generator) -> Tensor:
        codes = self.cache.codes[index]
        start = int(rng.integers(max(codes.shape[1] - self.tokens, 0) + 1))
        return codes[:, start : start + self.tokens]


def padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Codes [S, L_i] -> (int64 [B, S, max L] with zeros at the ends, lengths int64 [B])."""
    lengths = torch.tensor([row.shape[1] for row in rows])
    out = torch.zeros(len(rows), rows[0].shape[0], int(lengths.max()), dtype=torch.int64)
    for place, row in zip(out, rows, strict=True):
        place[:, : row.shape[1]] = row
    return out, lengths
