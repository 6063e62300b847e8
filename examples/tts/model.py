"""Characters in, speech tokens out: one decoder-only transformer over both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.atomic import replacing
from secousti.errors import SecoustiError

CHARACTERS = " '-abcdefghijklmnopqrstuvwxyz"
PAD, SPEAK, END = 0, 1, 2  # padding; text ends and speech begins; speech ends
SPECIAL = 3


@dataclass(frozen=True)
class Vocabulary:
    """One table of ids: special symbols, then characters, then the codec's tokens.

    Attributes:
        levels: of the codec's scalar quantizer; none for tokens without digits.
    """

    codebook_size: int
    levels: tuple[int, ...] = ()

    @property
    def offset(self) -> int:
        """What is added to a speech token."""
        return SPECIAL + len(CHARACTERS)

    @property
    def size(self) -> int:
        """All ids."""
        return self.offset + self.codebook_size

    def digits(self) -> Tensor:
        """float32 [size, sum(levels)]: 1 where a token has that digit, lowest digit first."""
        tokens, parts, place = torch.arange(self.codebook_size), [], 1
        for base in self.levels:
            parts.append(F.one_hot(tokens // place % base, base))
            place *= base
        found = torch.cat([torch.zeros(self.codebook_size, 0, dtype=torch.int64), *parts], dim=1)
        return F.pad(found.float(), (0, 0, self.offset, 0))

    def text(self, text: str) -> list[int]:
        """Ids of the characters that are known, and the sign that speech begins."""
        known = [CHARACTERS.index(c) + SPECIAL for c in text.lower() if c in CHARACTERS]
        return [*known, SPEAK]

    @staticmethod
    def reads(text: str | None) -> bool:
        """Whether there is a letter in it that is known."""
        return any(c.isalpha() and c in CHARACTERS for c in (text or "").lower())

    def example(self, text: str, codes: Tensor) -> Tensor:
        """The whole sequence of an utterance with codes int64 [L]."""
        prompt = torch.tensor(self.text(text))
        return torch.cat([prompt, codes + self.offset, torch.tensor([END])])


@dataclass(frozen=True)
class Sizes:
    """Of the network."""

    dim: int = 192
    layers: int = 4
    heads: int = 4
    longest: int = 768


class TextToTokens(nn.Module):
    """A causal transformer over the joint vocabulary."""

    digits: Tensor

    def __init__(self, vocabulary: Vocabulary, sizes: Sizes) -> None:
        super().__init__()
        self.vocabulary, self.sizes = vocabulary, sizes
        self.register_buffer("digits", vocabulary.digits(), persistent=False)
        self.table = nn.Parameter(0.02 * torch.randn(vocabulary.size, sizes.dim))
        self.of_digit = nn.Parameter(torch.zeros(sum(vocabulary.levels), sizes.dim))
        self.position = nn.Embedding(sizes.longest, sizes.dim)
        layer = nn.TransformerEncoderLayer(
            sizes.dim, sizes.heads, 4 * sizes.dim, 0.1, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, sizes.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(sizes.dim)

    def embedding(self) -> Tensor:
        """[vocabulary, dim]: a row an id plus one for each of its digits, so that rare tokens share
        what their digits have learnt."""
        return self.table + self.digits @ self.of_digit

    def features(self, ids: Tensor) -> Tensor:
        """int64 [B, T] -> [B, T, dim]."""
        length = ids.shape[1]
        x = F.embedding(ids, self.embedding()) + self.position(
            torch.arange(length, device=ids.device)
        )
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        return self.norm(self.layers(x, mask=mask, is_causal=True))

    def logits(self, features: Tensor) -> Tensor:
        """[..., dim] -> [..., vocabulary]."""
        return F.linear(features, self.embedding())

    def loss(self, ids: Tensor) -> Tensor:
        """Cross-entropy of every id after the text, given those before it."""
        features, targets = self.features(ids[:, :-1]), ids[:, 1:]
        speech = (targets == END) | (targets >= self.vocabulary.offset)
        return F.cross_entropy(self.logits(features[speech]), targets[speech])

    @torch.no_grad()
    def speak(self, text: str, temperature: float, top: int, most: int):  # type: ignore[no-untyped-def]
        """Yield speech tokens one by one until the model says END or ``most`` are there.

        Args:
            temperature: of the draw; 0 takes the likeliest. top: drawn from the so many likeliest.

        Raises:
            SecoustiError: no letter of the text is known, or the text leaves no room for speech.
        """
        ids = torch.tensor([self.vocabulary.text(text)])
        if not self.vocabulary.reads(text):
            raise SecoustiError(f"there is no letter from a to z in the text {text!r}")
        if ids.shape[1] >= self.sizes.longest:
            raise SecoustiError(
                f"the text has {len(text)} characters; text and speech together may have "
                f"{self.sizes.longest}"
            )
        for step in range(min(most, self.sizes.longest - ids.shape[1])):
            logits = self.logits(self.features(ids)[0, -1]) / max(temperature, 1e-6)
            allowed = torch.arange(len(logits)) >= self.vocabulary.offset
            allowed[END] = step > 0  # something is to be said
            logits = logits.masked_fill(~allowed, -torch.inf)
            best, places = logits.topk(min(top, len(logits)) if temperature else 1)
            chosen = int(places[torch.multinomial(best.softmax(-1), 1)])
            if chosen == END:
                return
            yield chosen - self.vocabulary.offset
            ids = torch.cat([ids, torch.tensor([[chosen]])], dim=1)


def speech_of(row: dict[str, Any]) -> Tensor:
    """Codes int64 [L] of a row of a ``TokenDataset``.

    Raises:
        SecoustiError: the codec has several tokens a frame; this model says one after another.
    """
    codes: Tensor = row["codes"]
    if len(codes) != 1:
        raise SecoustiError(f"the codec has {len(codes)} tokens a frame; this model speaks one")
    return codes[0]


def save(model: TextToTokens, path: str | Path, codec: dict[str, Any]) -> None:
    """Weights, with the sizes and the codec they are for in the header."""
    about = {"sizes": json.dumps(asdict(model.sizes)), "codec": json.dumps(codec)}
    with replacing(path) as partial:
        save_file(model.state_dict(), partial, metadata=about)


def load(path: str | Path) -> tuple[TextToTokens, dict[str, Any]]:
    """What ``save`` wrote: the model, and what it says of its codec.

    Raises:
        SecoustiError: there is no such file, or it is none of these.
    """
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise SecoustiError(f"{path} cannot be read: {error}") from error
    if not {"codec", "sizes"} <= about.keys():
        raise SecoustiError(f"{path} was not written by train.py: it does not say of which codec")
    codec = json.loads(about["codec"])
    vocabulary = Vocabulary(codec["codebook_size"], tuple(codec.get("levels", ())))
    model = TextToTokens(vocabulary, Sizes(**json.loads(about["sizes"])))
    model.load_state_dict(tensors)
    return model.eval(), codec
