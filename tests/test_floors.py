"""Imports only go down.

4   app                                                  may import everything
3   net store cluster access watch routing registry      siblings; none imports another
    faces commands
    sockets                                              net's compiled ground: imports core
2   core   client                                        import wire
1   wire   formats                                       import nothing of ours

This reads the source as text; it imports nothing. What is under `if TYPE_CHECKING:` counts as well: a type from above
ties a module to it just the same. Only the search for cycles leaves it out, for there it is the usual way to cut one.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src"
MODULES = {
    ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((SOURCE / "myna").rglob("*.py"))
}

SIBLING = {"core", "wire", "formats", "config", "version"}  # what floor 3 may import besides its own folder
FACE = SIBLING | {"faces.contract", "faces.async_broker", "faces.topic_service"}
ALLOWED = {
    "wire": set[str](),
    "formats": set[str](),
    "config": set[str](),  # plain data
    "version": set[str](),
    "core": {"wire"},
    "sockets": {"core", "wire"},
    "net": SIBLING | {"sockets"},
    "store": SIBLING,
    "cluster": SIBLING,
    "access": SIBLING,
    "watch": SIBLING,
    "routing": SIBLING | {"client"},  # to speak with other brokers
    "registry": SIBLING,
    "faces": FACE,
    "client": {"wire", "version"},
    "commands": {"app", "client", "config", "wire", "formats", "version"},
    "testing": {"core", "formats", "wire"},
    "__main__": {"commands"},
}
ANYTHING = {"app", "myna"}  # app wires all parts together; myna/__init__.py holds the public names


def part(module: str) -> str:
    """The part of the tree a module belongs to: its floor-mate's folder, and for faces the face."""
    names = module.split(".")[1:]
    if names[:1] == ["faces"]:
        return ".".join(names[:2])
    return names[0] if names else "myna"


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Each of our modules that is imported, with the line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are spelled out, see the rule TID252"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in MODULES else str(node.module) for name in inner]
        else:
            continue
        yield from ((node.lineno, name) for name in dict.fromkeys(names) if name.split(".")[0] == "myna")


def offences(module: str, text: str) -> list[str]:
    """Each import that does not go down."""
    own = part(module)
    if own in ANYTHING:
        return []
    allowed = ALLOWED.get(own.split(".")[0])
    if allowed is None:
        return [f"{module}: {own} is on no floor; give it a place in ALLOWED"]
    return [
        f"{module}:{line} imports {name}"
        for line, name in imports(ast.parse(text))
        if part(name) != own and part(name) not in allowed
    ]


class WithoutTypes(ast.NodeTransformer):
    """Leaves what runs when a module is loaded: no bodies of functions, no `if TYPE_CHECKING:`."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        return None

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        return None

    def visit_If(self, node: ast.If) -> ast.AST | None:
        if ast.unparse(node.test).endswith("TYPE_CHECKING"):
            return None
        return self.generic_visit(node)


@pytest.mark.parametrize("module", MODULES)
def test_imports_only_go_down(module: str) -> None:
    assert offences(module, MODULES[module].read_text(encoding="utf-8")) == []


def test_no_modules_import_each_other() -> None:
    graph = {}
    for module, path in MODULES.items():
        tree = WithoutTypes().visit(ast.parse(path.read_text(encoding="utf-8")))
        graph[module] = {name for _, name in imports(tree) if name not in ("myna", module)}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as cycle:
        pytest.fail("these import each other: " + " <- ".join(cycle.args[1]))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("myna.wire.reader", "from myna.core.session import Session"),
        ("myna.wire.reader", "from myna import core"),
        ("myna.wire.reader", "import myna"),
        ("myna.core.session", "from myna.sockets.clock import now"),
        ("myna.core.session", "if TYPE_CHECKING:\n    from myna.config import Config"),
        ("myna.core.session", "def late():\n    import myna.app"),
        ("myna.sockets.stream", "from myna.store.memory import MemoryStore"),
        ("myna.faces.bifromq.face", "from myna.faces.eventgrid.naming import topic"),
        ("myna.faces.contract", "from myna.faces.bifromq.face import Face"),
        ("myna.commands.serve", "from myna.core.broker import Broker"),
        ("myna.attic.thing", ""),
    ],
)
def test_an_import_that_goes_up_or_sideways_is_found(module: str, text: str) -> None:
    assert len(offences(module, text)) == 1


@pytest.mark.parametrize(
    ("module", "text"),
    [
        ("myna.wire.reader", "import struct\nfrom myna.wire.errors import Malformed"),
        ("myna.core.session", "from myna.wire.packets import Publish"),
        ("myna.store.embedded.engine", "from myna.store.embedded.keys import key\nfrom myna.config import StoreConfig"),
        ("myna.faces.bifromq.face", "from myna.faces.contract import Face\nimport myna.faces.bifromq.naming"),
        ("myna.app", "from myna.sockets.stream import Stream\nfrom myna.commands import main"),
        ("myna.commands.serve", "def main():\n    from myna.app import App"),
    ],
)
def test_an_import_that_goes_down_is_fine(module: str, text: str) -> None:
    assert offences(module, text) == []
