"""From a model's name to the folder that holds it."""

from __future__ import annotations

from pathlib import Path

from secousti.errors import SecoustiError

BUNDLED = Path(__file__).parent / "bundled"
DEFAULT_MODEL = "mini-21hz"


def bundled_models() -> list[str]:
    """Names of the codecs that came with the package."""
    return sorted(path.parent.name for path in BUNDLED.glob("*/config.json"))


def bundled_folder(name: str) -> Path:
    """Where the bundled model ``name`` lies, whether there is one or not."""
    return BUNDLED / name


def resolve(name: str | Path, revision: str | None = None) -> Path:
    """The folder of a bundled, local or Hub model (downloaded once, then cached).

    Raises:
        SecoustiError: none of the three; says what was looked for.
    """
    local = Path(name).expanduser()
    if local.is_dir():
        return local
    if str(name) in bundled_models():
        return bundled_folder(str(name))
    if str(name).count("/") == 1 and not local.is_absolute():
        return _download(str(name), revision)
    raise SecoustiError(
        f"unknown model {str(name)!r}: not a directory, not on the Hub (org/name), and not one of "
        f"the bundled models ({', '.join(bundled_models()) or 'none here'})"
    )


def _download(repo_id: str, revision: str | None) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    patterns = ["config.json", "model.safetensors", "README.md"]
    try:
        return Path(snapshot_download(repo_id, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise SecoustiError(
            f"could not fetch the model {repo_id!r} from the Hub, and it is not cached: {reason}"
        ) from error
