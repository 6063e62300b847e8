from __future__ import annotations

import pytest
import torch

from secousti.config import TransformerConfig
from secousti.semantic.phoneme_encoder import PhonemeEncoder, PhonemeEncoderConfig, token_labels
from secousti.text.inventory import IGNORE, NUM_SYMBOLS

SMALL = TransformerConfig(d_model=32, num_heads=4, dim_feedforward=64, layer_scale=1.0)


def encoder(ratio: int) -> PhonemeEncoder:
    torch.manual_seed(0)
    return PhonemeEncoder(PhonemeEncoderConfig(layers=2), SMALL, ratio, output_dim=24).eval()


@pytest.mark.parametrize("ratio", [1, 4])
@pytest.mark.parametrize("frames", [1, 4, 17, 40])
def test_one_vector_per_token(ratio, frames):
    ids = torch.randint(NUM_SYMBOLS, (3, frames))
    assert encoder(ratio)(ids).shape == (3, -(-frames // ratio), 24)


def test_frames_move_with_their_tokens():
    """Shifting the text by a whole token shifts what the convolution sees by one token."""
    model = encoder(4)
    conv = lambda ids: model.conv(model.embedding(ids).transpose(1, 2))  # noqa: E731
    ids = torch.randint(NUM_SYMBOLS, (1, 40))
    torch.testing.assert_close(conv(ids)[..., 2:8], conv(ids.roll(4, 1))[..., 3:9])


def test_text_counts_in_both_directions():
    model = encoder(4)
    ids = torch.randint(1, NUM_SYMBOLS, (1, 40))
    changed = ids.clone()
    changed[0, 36:] = 7
    first, second = model(ids), model(changed)
    assert not torch.allclose(first[:, 0], second[:, 0])


def test_unknown_frames_have_an_embedding_of_their_own():
    model = encoder(4)
    known = torch.full((1, 8), 20)
    unknown = torch.full((1, 8), IGNORE)
    assert model(unknown).isfinite().all()
    assert not torch.allclose(model(known), model(unknown))


def test_a_token_has_the_label_of_its_middle_frame():
    ids = torch.arange(10)[None]
    assert token_labels(ids, 4).tolist() == [[2, 6, IGNORE]]
    assert token_labels(ids, 1).tolist() == [list(range(10))]
