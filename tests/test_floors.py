"""The floors of docs/architecture.md: a module imports only what lies on its floor or below."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parent.parent

FLOORS = {
    1: "config pretrained manifest tables atomic samples errors console devices paths lock version "
    "memory",
    2: "streaming audio text container ambient encoded notebook voice entropy",
    3: "acoustic semantic paralinguistic vocoder frontend p2psyn.config p2psyn.conformer "
    "p2psyn.convnext p2psyn.mdct p2psyn.modes p2psyn.pseudo_quantizer p2psyn.pseudo_vq p2psyn.rvq",
    4: "base facts hub p2psyn.teacher",
    5: "codec networks release p2psyn onecore",
    6: "sessions",
    7: "cli serve live files extraction export evaluation integrations",
}
FLOOR_OF = {f"secousti.{name}": floor for floor, text in FLOORS.items() for name in text.split()}


def modules() -> dict[str, Path]:
    """Every module of the package by its name."""
    found = {}
    for path in sorted((ROOT / "secousti").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> Iterator[str]:
    """What a module imports anywhere but under TYPE_CHECKING; of ``known``, the very module."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inner)
        else:
            waiting += ast.iter_child_nodes(node)


def floor(module: str) -> int:
    """Of the longest name in the table; what stands above all is secousti itself."""
    parts = module.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 1, -1))
    return next((FLOOR_OF[name] for name in names if name in FLOOR_OF), 8)


def graph() -> dict[str, set[str]]:
    known = modules()
    return {name: set(imports(path, known)) for name, path in known.items()}


def room(module: str) -> str:
    """``secousti.hub`` of ``secousti.hub.card``."""
    return ".".join(module.split(".")[:2])


def test_every_room_has_a_floor() -> None:
    tops = {name for name in modules() if name.count(".") == 1}
    assert tops - FLOOR_OF.keys() == {"secousti.__main__"}


def test_imports_go_down() -> None:
    upward = [
        f"{name} (floor {floor(name)}) imports {other} (floor {floor(other)})"
        for name, others in graph().items()
        for other in others
        if other.startswith("secousti.") and floor(other) > floor(name)
    ]
    assert not upward, "\n".join(sorted(upward))


def test_the_package_knows_nothing_of_training_preparation_and_tests() -> None:
    outside = {"train", "data_prep", "tests", "benchmarks", "torchaudio"}
    found = [
        f"{name} imports {other}"
        for name, others in graph().items()
        for other in others
        if other.partition(".")[0] in outside
    ]
    assert not found, "\n".join(found)


def test_nothing_imports_in_a_circle() -> None:
    modules = graph()
    rooms: dict[str, set[str]] = {}
    for name, others in modules.items():
        if name != "secousti":  # it names what users import, from any floor
            rooms.setdefault(room(name), set()).update({room(o) for o in others} - {room(name)})
    assert circle(modules) == []
    assert circle(rooms) == []


def circle(edges: dict[str, set[str]]) -> list[str]:
    """Names that import each other in turn, the first one again at the end; none is []."""
    try:
        TopologicalSorter(edges).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []
