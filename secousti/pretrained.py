"""Folders that hold something trained: ``config.json`` and ``model.safetensors``, no pickles.

Codecs, vocoders, listeners and aligners are all stored so. Nothing is allocated on a file's word:
the header of the weights is checked against the size of the file, and a configuration may not
build a network that is larger than the weights that are to fill it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from secousti.atomic import replacing, write_json
from secousti.errors import SecoustiError

CONFIG_NAME = "config.json"
WEIGHTS_NAME = "model.safetensors"
MAX_CONFIG = 1 << 20  # bytes of a config.json
SLACK = 1 << 23  # numbers that a network may hold beside its weights: windows, filter banks

M = TypeVar("M", bound=nn.Module)
Shapes = dict[str, tuple[int, ...]]
# A prefix of tensors' names and the safetensors file that holds them without it.
WeightFile = tuple[str, Path]


def save_folder(
    folder: str | Path, document: Mapping[str, Any], tensors: Mapping[str, Tensor]
) -> Path:
    """Write ``config.json`` and ``model.safetensors`` into ``folder`` (made if needed).

    Args:
        folder: where; each of its two files appears whole.
        document: plain data that builds the network again.
        tensors: its weights, stored as they are.

    Raises:
        SecoustiError: a weight is NaN or infinite, or the folder cannot be written to.
    """
    folder = Path(folder)
    save_tensors(folder / WEIGHTS_NAME, tensors)
    write_json(folder / CONFIG_NAME, document)
    return folder


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None
) -> None:
    """Replace the safetensors file ``path``; tensors may lie on any device.

    Raises:
        SecoustiError: a weight is NaN or infinite, or ``path`` cannot be written.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise SecoustiError(f"the weights {name} are not finite as {tensor.dtype}")
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as partial:
        save_file(plain, partial, metadata)


def read_document(folder: str | Path, what: str = "model") -> dict[str, Any]:
    """The parsed ``config.json`` of a folder.

    Args:
        folder: where it lies.
        what: the folder should hold, for messages.

    Raises:
        SecoustiError: missing, larger than 1 MiB, no JSON, or no mapping at the top.
    """
    path = Path(folder) / CONFIG_NAME
    try:
        if path.is_file() and path.stat().st_size > MAX_CONFIG:
            raise SecoustiError(f"{path} is larger than any configuration ({MAX_CONFIG} bytes)")
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise SecoustiError(f"{folder} is not a {what}: it has no {CONFIG_NAME}") from error
    except OSError as error:
        raise SecoustiError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise SecoustiError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(document, dict):
        raise SecoustiError(f"{path} is not a {what}'s configuration")
    return document


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A safetensors file, its header checked against its size, no tensor read yet.

    Raises:
        SecoustiError: missing or damaged.
    """
    if not path.is_file():
        raise SecoustiError(f"the model has no weights: {path} is missing")
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SafetensorError as error:
        raise SecoustiError(f"{path} is damaged: {error}") from error
    except OSError as error:
        raise SecoustiError(f"{path} cannot be read: {error}") from error


def stored_shapes(files: Sequence[WeightFile]) -> Shapes:
    """The shapes of all tensors in ``files``, from the headers alone.

    Raises:
        SecoustiError: a file is missing or damaged.
    """
    shapes: Shapes = {}
    for prefix, path in files:
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118  (it is no mapping)
                shapes[prefix + name] = tuple(file.get_slice(name).get_shape())
    return shapes


def stored_tensors(files: Sequence[WeightFile]) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors of ``files``, in order of the names, one tensor at a time.

    Raises:
        SecoustiError: a file is missing or damaged.
    """
    with ExitStack() as stack:
        named: dict[str, tuple[Any, str]] = {}
        for prefix, path in files:
            file = stack.enter_context(opened(path))
            named |= {prefix + name: (file, name) for name in file.keys()}  # noqa: SIM118
        for full in sorted(named):
            file, name = named[full]
            yield full, file.get_tensor(name)


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """All tensors of one safetensors file, floating-point ones as float32.

    Raises:
        SecoustiError: missing or damaged.
    """
    with opened(Path(path)) as file:
        names = list(file.keys())
        return {name: _as_float32(file.get_tensor(name)) for name in names}


def load_folder(make: Callable[[], M], files: Sequence[WeightFile]) -> M:
    """A network with exactly the weights of ``files``, in ``eval()``.

    Args:
        make: builds it from its configuration.
        files: hold its weights.

    Raises:
        SecoustiError: a file is missing or damaged; the configuration builds a network larger
            than the weights, or with other tensors (each is named).
    """
    where = str(files[0][1])
    shapes = stored_shapes(files)
    model = build(make, shapes, where)
    check_shapes(model, shapes, where)
    fill(model, files)
    return model.eval()


def build(make: Callable[[], M], shapes: Shapes, where: str) -> M:
    """``make()`` without initialising weights, refused as soon as it outgrows ``shapes``.

    Raises:
        SecoustiError: the network is larger than what is stored.
    """
    with _Construction(sum(map(math.prod, shapes.values())), where):
        return make()


def check_shapes(model: nn.Module, shapes: Shapes, where: str) -> None:
    """Compare a network's tensors with stored ones.

    Raises:
        SecoustiError: names every missing, unexpected or misshapen one.
    """
    own = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    problems = [f"missing {name}" for name in sorted(own.keys() - shapes.keys())]
    problems += [f"unexpected {name}" for name in sorted(shapes.keys() - own.keys())]
    problems += [
        f"{name} has shape {shapes[name]}, expected {own[name]}"
        for name in sorted(own.keys() & shapes.keys())
        if own[name] != shapes[name]
    ]
    if problems:
        raise SecoustiError(f"{where} does not fit the model: " + "; ".join(problems))


def load_strictly(model: nn.Module, tensors: Mapping[str, Tensor], where: str) -> None:
    """Load exactly the network's tensors.

    Raises:
        SecoustiError: names every missing, unexpected or misshapen one.
    """
    check_shapes(model, {name: tuple(tensor.shape) for name, tensor in tensors.items()}, where)
    model.load_state_dict(tensors)


@torch.no_grad()
def fill(model: nn.Module, files: Sequence[WeightFile]) -> None:
    """Copy the stored tensors into the network's own, one at a time.

    What the network does not have is not read.

    Raises:
        SecoustiError: a file is missing or damaged.
    """
    # no state_dict: half of a codec has none
    own: dict[str, Tensor] = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    for prefix, path in files:
        with opened(path) as file:
            for name in file.keys():  # noqa: SIM118
                if prefix + name in own:
                    own[prefix + name].copy_(file.get_tensor(name))


def _as_float32(tensor: Tensor) -> Tensor:
    # a copy: what safetensors returns may be the mapped file
    return tensor.float() if tensor.is_floating_point() else tensor.clone()


class _Construction(TorchFunctionMode):
    """Builds networks to be filled from a file: no random numbers, no more memory than it says."""

    def __init__(self, stored: int, where: str) -> None:
        super().__init__()
        self._stored, self._where = stored, where
        self._left = stored + SLACK

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if getattr(func, "__module__", "") == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        if func in _RANDOM:  # zeros, as some draw again until all numbers lie within bounds
            return args[0].zero_()
        if func in _FACTORIES:
            self._left -= _numbers(args)
            if self._left < 0:
                raise SecoustiError(
                    f"{self._where} holds {self._stored} numbers, and its configuration builds a "
                    "larger model"
                )
        return func(*args, **(kwargs or {}))


def _numbers(args: tuple[Any, ...]) -> int:
    """How many numbers a factory called with ``args`` makes: sizes one by one, or in a sequence."""
    sizes = args[0] if args and isinstance(args[0], (tuple, list)) else args
    return math.prod(size for size in sizes if isinstance(size, int))


# Initialisation that random weights need and stored ones do not.
_RANDOM = {Tensor.uniform_, Tensor.normal_}
_FACTORIES = {torch.empty, torch.zeros, torch.ones, torch.full, torch.rand, torch.randn}
