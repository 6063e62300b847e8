"""Word times from torchaudio's MMS_FA bundle (Pratap et al. 2023), where it can be downloaded.

The bundle aligns Latin letters, so it gives words; the built-in aligner places the phonemes
inside each word. Mandarin is spelled in pinyin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn

from data_prep.alignment.base import Aligner, Alignment, Utterance, fill_silences
from data_prep.alignment.builtin import FRAME, BuiltinAligner
from data_prep.alignment.transcript import Word
from data_prep.manifest import Interval
from secousti.errors import SecoustiError

_PINYIN = {"ii": "i", "iii": "i", "iou": "iu", "uei": "ui", "uen": "un", "eh": "e", "rr": "r"}


class MmsAligner(Aligner):
    """Words by MMS_FA, phonemes within them by the built-in aligner.

    Args:
        model: the network, ``[1, N] -> (log-probability logits [1, T, 28 or 29], lengths)``;
            None downloads the bundle's (1.2 GB).

    Raises:
        SecoustiError: the bundle cannot be downloaded.
    """

    def __init__(self, model: nn.Module | None = None) -> None:
        from torchaudio.pipelines import MMS_FA

        if model is None:
            try:
                model = MMS_FA.get_model(with_star=False)
            except (OSError, RuntimeError) as error:
                raise SecoustiError(
                    f"the MMS_FA model of torchaudio could not be downloaded ({error}); "
                    "use --source builtin, which needs no download"
                ) from None
        self._model = model.eval()
        self._dictionary = MMS_FA.get_dict(star=None)
        self._inner = BuiltinAligner()

    @torch.inference_mode()
    def align(self, utterance: Utterance) -> Alignment:
        """The alignment of an utterance.

        Raises:
            SecoustiError: a word without a letter, or more letters than frames.
        """
        words = list(utterance.words)
        times, confidence = self._words(utterance, words)
        log_posteriors = self._inner.log_posteriors(utterance.audio)
        phones: list[Interval] = []
        for word, (start, end) in zip(words, times, strict=True):
            phones += self._phones(log_posteriors, word, start, end)
        timed = [(start, end, w.label) for w, (start, end) in zip(words, times, strict=True)]
        return Alignment(fill_silences(phones, utterance.duration), timed, confidence)

    def _words(
        self, utterance: Utterance, words: Sequence[Word]
    ) -> tuple[list[tuple[float, float]], float]:
        from torchaudio.functional import forced_align, merge_tokens

        spelled = [[self._dictionary[letter] for letter in spelling(word)] for word in words]
        emission, _ = self._model(utterance.audio[None])
        log_probs = emission.log_softmax(dim=-1)
        try:
            targets = torch.tensor([list(chain.from_iterable(spelled))], dtype=torch.int32)
            path, scores = forced_align(log_probs, targets, blank=0)
        except RuntimeError:
            raise SecoustiError("it is too short for its transcript") from None
        spans = merge_tokens(path[0], scores[0].exp())
        step = utterance.duration / log_probs.shape[1]
        times, first = [], 0
        for letters in spelled:
            last = first + len(letters) - 1
            times.append((round(spans[first].start * step, 4), round(spans[last].end * step, 4)))
            first = last + 1
        return times, float(sum(span.score for span in spans) / len(spans))

    def _phones(
        self, log_posteriors: Tensor, word: Word, start: float, end: float
    ) -> list[Interval]:
        """Phonemes of one word between its times; in equal parts when it is too short to search."""
        first, last = round(start / FRAME), max(round(end / FRAME), round(start / FRAME) + 1)
        try:
            found, _ = self._inner.search(log_posteriors[first:last], [word])
        except SecoustiError:
            symbols = word.pronunciations[0]
            cuts = [start + (end - start) * i / len(symbols) for i in range(len(symbols) + 1)]
            return [(cuts[i], cuts[i + 1], symbol) for i, symbol in enumerate(symbols)]
        spoken = [segment for segment in found if segment.word == 0]
        cuts = [start, *((first + s.start - 0.5) * FRAME for s in spoken[1:]), end]
        return [(cuts[i], cuts[i + 1], s.symbol) for i, s in enumerate(spoken)]


def spelling(word: Word) -> str:
    """A word in the bundle's letters: its own, or pinyin for Chinese characters.

    Raises:
        SecoustiError: nothing of the word can be written with ``a`` to ``z``.
    """
    if re.search(r"[\u3400-\u9fff]", word.label):
        symbols = (symbol.rstrip("12345") for symbol in word.pronunciations[0])
        letters = "".join(_PINYIN.get(symbol, symbol) for symbol in symbols)
    else:
        letters = word.label.lower()
    letters = re.sub(r"[^a-z']", "", letters)
    if not letters:
        raise SecoustiError(f"the word {word.label!r} has no letters that MMS_FA could align")
    return letters
