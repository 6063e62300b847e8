"""Import of the released SecoustiCodec checkpoints (release, section 12)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from secousti.codec import SecoustiCodec
from secousti.config import (
    CodecConfig,
    DepthConfig,
    MelConfig,
    ParalinguisticConfig,
    QuantizerConfig,
    SEANetConfig,
    TransformerConfig,
    VocoderConfig,
)
from secousti.errors import SecoustiError
from secousti.pretrained import load_strictly

# The released name of each transformer and ours.
_TRANSFORMERS = {
    "encoder_transformer": "acoustic_projection",
    "vae_semantic_transformer.semantic_transformer": "semantic_projection.transformer",
    "semantic_connector.semantic_transformer": "connector.transformer",
    "decoder_transformer": "decoder.transformer",
}

# Rewriting rules from released to our names, tried in order, all that match are applied.
_RULES: list[tuple[str, str]] = [
    (r"^encoder\.model\.(\d+)\.", r"encoder.layers.layers.\1."),
    (r"^decoder\.model\.(\d+)\.", r"decoder.seanet.layers.layers.\1."),
    (r"\.block\.(\d+)\.", r".block.layers.\1."),
    (r"\.conv\.conv\.", r".conv."),
    (r"\.convtr\.convtr\.", r".convtr."),
    *[(rf"^{re.escape(old)}\.transformer\.", rf"{new}.") for old, new in _TRANSFORMERS.items()],
    (r"\.self_attn\.in_proj_weight$", r".attention.in_proj.weight"),
    (r"\.self_attn\.", r".attention."),
    (r"\.layer_scale_([12])\.", r".layer_scale\1."),
    (r"^vae_semantic_transformer\.dense_", r"semantic_projection."),
    (r"^fsq\.", r"quantizer."),
    (r"^paralinguistic_encoder\.", r"paralinguistic."),
    (r"\.senet\.fc\.0\.", r".se.squeeze."),
    (r"\.senet\.fc\.2\.", r".se.excite."),
    (r"^paralinguistic\.dense_", r"paralinguistic."),
    (r"^(paralinguistic|semantic_projection)\.var\.", r"\1.logvar."),
]


def import_release(
    model: str | Path,
    vocoder: str | Path | None,
    output: str | Path,
    *,
    num_heads: int = 8,
    context: int = 250,
    window_rule: str = "central",
) -> SecoustiCodec:
    """Convert a released checkpoint and write config.json and model.safetensors to ``output``.

    Args:
        model: the codec's ``.pt`` (read with ``weights_only``) or ``.safetensors``.
        vocoder: the HiFT vocoder's checkpoint, or ``None`` for a codec that ends in mels.
        num_heads, context: of the transformers; weights do not tell them.
        window_rule: ``release`` keeps the release's defective paralinguistic window.

    Raises:
        SecoustiError: a file that cannot be read safely, or whose tensors are not exactly the
            released ones (every missing or unexpected key is named).
    """
    state = read_checkpoint(model)
    config = release_config(state, num_heads=num_heads, context=context, window_rule=window_rule)
    codec = SecoustiCodec(config)
    load_strictly(codec, rename_release(state), str(model))
    if vocoder is not None:
        codec = _with_vocoder(codec, read_checkpoint(vocoder), str(vocoder))
    codec.save_pretrained(output)
    return codec.eval()


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """Tensors by name from ``.pt`` (plain, or under the key ``model``) or ``.safetensors``."""
    path = Path(path)
    if not path.is_file():
        raise SecoustiError(f"no such checkpoint: {path}")
    try:
        if path.suffix == ".safetensors":
            data: Any = load_file(path)
        else:
            data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch and safetensors raise many kinds for a bad file
        raise SecoustiError(f"{path} cannot be read as weights only: {error}") from error
    if isinstance(data, dict) and isinstance(data.get("model"), dict):
        data = data["model"]
    if not isinstance(data, dict) or not all(isinstance(v, Tensor) for v in data.values()):
        raise SecoustiError(f"{path} is not a dictionary of tensors")
    return {name: t.float() if t.is_floating_point() else t for name, t in data.items()}


def rename_release(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Released names and layouts to ours; names that no rule knows stay as they are."""
    renamed = {}
    for name, tensor in state.items():
        if match := re.match(r"paralinguistic_encoder\.conv2d_(\d+)\.(\w+)$", name):
            # Over an image one pixel wide only the central column of a kernel ever counts.
            tensor = tensor[..., 1] if tensor.dim() == 4 else tensor
            renamed[f"paralinguistic.convs.{int(match[1]) - 1}.{match[2]}"] = tensor.contiguous()
            continue
        if match := re.match(r"paralinguistic_encoder\.batchnorm_(\d+)\.(\w+)$", name):
            renamed[f"paralinguistic.norms.{int(match[1]) - 1}.{match[2]}"] = tensor
            continue
        for pattern, replacement in _RULES:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    return renamed


def release_config(
    state: dict[str, Tensor], *, num_heads: int, context: int, window_rule: str
) -> CodecConfig:
    """The configuration a released state dict was made with, read off its shapes."""
    try:
        return _release_config(state, num_heads, context, window_rule)
    except KeyError as error:
        raise SecoustiError(f"this is no released SecoustiCodec: {error} is missing") from error


def _release_config(
    state: dict[str, Tensor], num_heads: int, context: int, window_rule: str
) -> CodecConfig:
    n_filters, n_mels, kernel = state["encoder.model.0.conv.conv.weight"].shape
    dimension, _, last_kernel = state["encoder.model.8.conv.conv.weight"].shape
    hidden, _, residual_kernel = state["encoder.model.1.block.1.conv.conv.weight"].shape
    ratios = tuple(state[f"encoder.model.{i}.conv.conv.weight"].shape[-1] // 2 for i in (6, 3))
    first = "encoder_transformer.transformer.layers.0"
    channels = [state[f"paralinguistic_encoder.conv2d_{i}.weight"].shape[0] for i in range(1, 7)]
    depths = [_count_layers(state, f"{name}.transformer") for name in _TRANSFORMERS]
    return CodecConfig(
        mel=MelConfig(n_mels=n_mels, mode="centered"),
        seanet=SEANetConfig(
            dimension=dimension,
            n_filters=n_filters,
            ratios=ratios,
            kernel_size=kernel,
            residual_kernel_size=residual_kernel,
            last_kernel_size=last_kernel,
            compress=n_filters // hidden,
        ),
        transformer=TransformerConfig(
            d_model=state[f"{first}.norm1.weight"].shape[0],
            num_heads=num_heads,
            dim_feedforward=state[f"{first}.linear1.weight"].shape[0],
            context=context,
        ),
        depth=DepthConfig(*depths),
        quantizer=QuantizerConfig(levels=(3,) * state["fsq.project_in.weight"].shape[0]),
        paralinguistic=ParalinguisticConfig(
            conv_channels=tuple(channels),
            hidden_size=state["paralinguistic_encoder.gru.weight_hh_l0"].shape[1],
            se_reduction=channels[-1] // state["paralinguistic_encoder.senet.fc.0.weight"].shape[0],
            window_rule="release" if window_rule == "release" else "central",
        ),
        acoustic_dim=dimension,
    )


def _count_layers(state: dict[str, Tensor], prefix: str) -> int:
    pattern = re.compile(rf"{re.escape(prefix)}\.layers\.(\d+)\.")
    return len({m[1] for name in state if (m := pattern.match(name))})


def _with_vocoder(codec: SecoustiCodec, state: dict[str, Tensor], where: str) -> SecoustiCodec:
    from dataclasses import replace

    from secousti.vocoder.hift import HiftVocoder, hift_config

    config = replace(codec.config, vocoder=VocoderConfig(kind="hift", hift=hift_config(state)))
    whole = SecoustiCodec(config)
    vocoder = whole.vocoder
    assert isinstance(vocoder, HiftVocoder)
    vocoder.load_release_state(state, where)
    load_strictly(
        whole,
        {**whole.state_dict(), **codec.state_dict()},
        where,
    )
    return whole
