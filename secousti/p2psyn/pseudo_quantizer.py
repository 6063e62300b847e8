"""The chain of pseudo VQs, for this codec or any other residual quantizer (eq. 3 to 6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from secousti.errors import SecoustiError
from secousti.p2psyn.config import PseudoConfig
from secousti.p2psyn.modes import PREDICTED, choose, stage_modes
from secousti.p2psyn.pseudo_vq import PseudoVQ, length_mask
from secousti.p2psyn.rvq import lookup
from secousti.streaming.state import State, substate, tensor


class PseudoQuantizer(nn.Module):
    """Given the tokens of the first stages of a residual quantizer, predicts those that follow.

    The quantizer itself stays outside: ``vectors`` [S, M, K] are what its tokens add to the
    latent (a codebook, or a codebook after its output projection), so that any residual codec
    can use it. The first S - N stages are given, the N others predicted one after the other.

    Args:
        dim: K. codebook_size: M. stages: N.
    """

    prior: Tensor

    def __init__(self, config: PseudoConfig, dim: int, codebook_size: int, stages: int) -> None:
        super().__init__()
        self.config = config
        self.dim = dim
        self.stages = nn.ModuleList(PseudoVQ(config, dim, codebook_size) for _ in range(stages))
        uniform = torch.full((stages, codebook_size), 1 / codebook_size)
        self.register_buffer("prior", uniform)  # token frequencies, for the mode "unigram"

    @property
    def lookahead(self) -> int:
        """Tokens by which a prediction waits for later ones."""
        return self.config.lookahead

    def init_state(
        self, batch_size: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> State:
        """The start of ``batch_size`` streams; all zeros.

        Pseudo VQs that are not causal have none: modes that ask them cannot stream.
        """
        state: State = {}
        for i, stage in enumerate(self.stages if self.config.causal else ()):
            assert isinstance(stage, PseudoVQ)
            state[str(i)] = stage.init_state(batch_size, device, dtype)
        shape = (batch_size, self.dim, self.lookahead)
        state["past"] = torch.zeros(shape, device=device)
        state["seen"] = torch.zeros(batch_size, dtype=torch.int64, device=device)
        return state

    def logits(
        self, stage: int, codes: Tensor, vectors: Tensor, lengths: Tensor | None = None
    ) -> Tensor:
        """Teacher-forced logits [B, M, L] of predicted stage ``stage`` (eq. 6).

        ``codes`` int64 [B, S, L] are the quantizer's own; only those before the stage are used.
        """
        given = len(vectors) - len(self.stages)
        plain = lookup(vectors[:given], codes[:, :given])
        x = lookup(vectors[: given + stage], codes[:, : given + stage])
        if lengths is not None:
            mask = length_mask(lengths, codes.shape[-1])
            plain, x = plain * mask, x * mask
        ahead = self.lookahead
        future = F.pad(plain, (0, ahead)) if ahead else None
        network = self.stages[stage]
        inputs = F.pad(x, (ahead, 0)).to(_dtype(network))
        rows = None if self.config.causal else lengths
        out: Tensor = network(inputs, None, rows, None if future is None else future.to(inputs))[0]
        return out[..., ahead:]

    def forward(
        self,
        codes: Tensor,
        vectors: Tensor,
        mode: str | Sequence[str] = "all",
        state: State | None = None,
        lengths: Tensor | None = None,
        generator: torch.Generator | None = None,
        temperature: float = 1.0,
    ) -> tuple[Tensor, State | None]:
        """Tokens -> quantized latents float32 [B, K, lookahead + L] (eq. 5).

        Offline the first ``lookahead`` steps are a silent lead-in. With a state, L steps come
        back, ``lookahead`` late; the lead-in is then the start of the stream.

        Args:
            codes: int64 [B, s, L], the given stages, or all S for the mode ``oracle``; with a
                state the stages after the given ones come ``lookahead`` steps late.
            mode: see ``STAGE_MODES``; one for all stages, or one for each.
            lengths: int64 [B], tokens of each row of a padded batch.
            generator: for the random modes; they are repeatable without one, too.

        Raises:
            SecoustiError: unknown mode, fewer stages than the mode needs.
        """
        modes = stage_modes(mode, len(self.stages), self.config.estimate)
        given = len(vectors) - len(self.stages)
        if codes.shape[1] < given:
            raise SecoustiError(f"{given} stages of tokens are needed, found {codes.shape[1]}")
        plain = lookup(vectors[:given], codes[:, :given])
        if lengths is not None:
            plain = plain * length_mask(lengths, codes.shape[-1])
        total, future, started, new = self._delay(plain, state)
        codes = F.pad(codes, (self.lookahead, 0)) if state is None else codes
        generator = generator or torch.Generator().manual_seed(0)
        rows = None if lengths is None or self.config.causal else lengths
        for n, name in enumerate(modes):
            if name == "drop":
                continue
            logits = None
            if name in PREDICTED:
                part = substate(state, str(n))
                inputs = total.to(_dtype(self.stages[n]))
                logits, part = self.stages[n](inputs, part, rows, future.to(inputs))
                new.update({str(n): part} if part is not None else {})
            oracle = codes[:, given + n] if codes.shape[1] > given + n else None
            chosen = choose(
                name, vectors[given + n], logits, oracle, self.prior[n], codes[:, 0],
                generator, temperature,
            )  # fmt: skip
            total = total + chosen * started
        return total, (None if state is None else {**state, **new})

    def predict(self, codes: Tensor, vectors: Tensor, lengths: Tensor | None = None) -> Tensor:
        """All S stages' tokens int64 [B, S, L]: the given ones and the predicted ones (eq. 4)."""
        given = len(vectors) - len(self.stages)
        codes = codes[:, :given]
        for stage in range(len(self.stages)):
            logits = self.logits(stage, codes, vectors, lengths)
            codes = torch.cat([codes, logits.argmax(dim=1)[:, None]], dim=1)
        return codes

    def _delay(self, plain: Tensor, state: State | None) -> tuple[Tensor, Tensor, Tensor, State]:
        """(vectors of now, vectors ``lookahead`` later, 1 once the stream has begun, new state)."""
        ahead, length = self.lookahead, plain.shape[-1]
        steps = torch.arange(length + (ahead if state is None else 0), device=plain.device)
        if state is None:
            started = (steps >= ahead).float()[None, None]
            return F.pad(plain, (ahead, 0)), F.pad(plain, (0, ahead)), started, {}
        seen = tensor(state, "seen")
        joined = torch.cat([tensor(state, "past"), plain], dim=-1)
        started = (seen[:, None] + steps >= ahead).float()[:, None]  # [B, 1, L]
        past = joined[..., joined.shape[-1] - ahead :]
        new: State = {"past": past, "seen": (seen + length).clamp(max=ahead)}
        return joined[..., :length], plain, started, new


def _dtype(module: nn.Module) -> torch.dtype:
    return next(module.parameters()).dtype
