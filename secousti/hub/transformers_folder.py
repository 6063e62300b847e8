"""A codec's folder as Hugging Face transformers loads it; transformers is not needed to write one.

Its config.json names the classes of ``secousti.integrations.transformers`` through a file of two
imports, which is the code that ``trust_remote_code=True`` trusts.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from secousti.atomic import replacing, write_json
from secousti.pretrained import CONFIG_NAME, WEIGHTS_NAME, save_tensors

_CODE_NAME = "modeling_secousti"
_CODE = '''"""secousti as a model of transformers; its code is in the package secousti."""

from secousti.integrations.transformers import (
    SecoustiConfig,
    SecoustiFeatureExtractor,
    SecoustiModel,
)

__all__ = ["SecoustiConfig", "SecoustiFeatureExtractor", "SecoustiModel"]
'''
_CLASSES = {
    "AutoConfig": f"{_CODE_NAME}.SecoustiConfig",
    "AutoModel": f"{_CODE_NAME}.SecoustiModel",
    "AutoFeatureExtractor": f"{_CODE_NAME}.SecoustiFeatureExtractor",
}


def save_for_transformers(
    folder: Path, codec: Any, kind: str, model_id: str, config: dict[str, Any]
) -> Path:
    """Write ``codec`` for ``AutoModel.from_pretrained(folder, trust_remote_code=True)``.

    Args:
        codec: a ``Codec``.
        kind, model_id, config: as in secousti's own config.json.

    Raises:
        SecoustiError: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / WEIGHTS_NAME, weights_of(codec), {"format": "pt"})
    write_code(folder)
    extractor = {
        "feature_extractor_type": "SecoustiFeatureExtractor",
        "sampling_rate": codec.sample_rate,
        "auto_map": {"AutoFeatureExtractor": _CLASSES["AutoFeatureExtractor"]},
    }
    write_json(folder / "preprocessor_config.json", extractor)
    document = {
        "model_type": "secousti",
        "architectures": ["SecoustiModel"],
        "auto_map": _CLASSES,
        "kind": kind,
        "model_id": model_id,
        "codec": config,
    }
    write_json(folder / CONFIG_NAME, document)
    return folder


def weights_of(codec: nn.Module) -> dict[str, Tensor]:
    """The weights by the names they have in a model that holds the codec as ``codec``.

    In float32: float64 is how a codec computes, not what it knows.
    """
    return {
        f"codec.{name}": tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in codec.state_dict().items()
    }


def write_code(folder: Path) -> None:
    """The file that ``trust_remote_code=True`` trusts."""
    with replacing(folder / f"{_CODE_NAME}.py") as partial:
        partial.write_text(_CODE, encoding="utf-8")
