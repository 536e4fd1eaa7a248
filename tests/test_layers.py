"""The house and its rooms: imports point down, never in a circle, and plugins stay outside."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

HERE = Path(__file__).parent.parent

# From the ground up. A place may import what stands on lines above it in this list, and itself.
HOUSE = (
    ("tracker", "tracker.errors", "tracker.i18n", "tracker.settings", "tracker.hookspecs", "tracker.logs"),
    ("tracker.fields",),
    ("tracker.core",),
    ("tracker.core.base",),
    ("tracker.core.design",),
    ("tracker.core.vault",),
    ("tracker.core.language",),
    ("tracker.core.access",),
    ("tracker.core.ask",),
    ("tracker.core.items",),
    ("tracker.core.conversion",),
    ("tracker.core.sealing",),
    ("tracker.core.changes",),
    ("tracker.core.profile", "tracker.core.transfer", "tracker.core.checking"),
    ("tracker.core.backup",),
    ("tracker.api",),
    ("tracker.plugins", "tracker.web", "tracker.rest"),
    ("tracker.app", "tracker.cli", "tracker.testing", "tracker.__main__"),
)
OPEN_FLOORS = (HOUSE[0], HOUSE[-1])  # here neighbours may import each other
BARE = ("tracker", "tracker.core")  # only these packages themselves, not whatever is put into them
SHUT_OUT = {  # libraries that a place may not know of
    "tracker.errors": {"flask", "wtforms"},
    "tracker.i18n": {"flask", "wtforms"},
    "tracker.settings": {"flask", "wtforms"},
    "tracker.logs": {"flask", "wtforms"},
    "tracker.hookspecs": {"flask", "wtforms"},
    "tracker.fields": {"flask"},
    "tracker.core": {"flask", "wtforms"},
    "tracker.api": {"flask"},
}

MOST_LINES = 500
MOST_FUNCTION_LINES = 50
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "managers", "manager", "common", "misc"}


def modules(root: Path) -> dict[str, Path]:
    """Return the modules under `root`/tracker: dotted name to file."""
    found = {}
    for path in sorted((root / "tracker").rglob("*.py")):
        if "node_modules" not in path.parts:
            parts = path.relative_to(root).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the dotted names that a file imports when it runs; what only a type checker sees is left out."""
    found = set()
    for node in _running(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found


def _running(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from (other, *_running(other))
        else:
            yield child
            yield from _running(child)


def place(module: str) -> str | None:
    """Return the place in HOUSE that `module` stands in."""
    names = [name for floor in HOUSE for name in floor]
    fits = [n for n in names if module == n or (n not in BARE and module.startswith(f"{n}."))]
    return max(fits, key=len, default=None)


def floor(name: str) -> int:
    """Return how high a place stands."""
    return next(number for number, names in enumerate(HOUSE) if name in names)


def objection(module: str, target: str) -> str | None:
    """Say why `module` may not import `target`, or None if it may."""
    if not target.startswith("tracker.") and target != "tracker":
        return _library_objection(module, target.partition(".")[0])
    here, there = place(module), place(target)
    if there is None:
        return "which stands in no room"
    if here == "tracker.plugins":
        own = ".".join(module.split(".")[:3])
        inside = target == own or target.startswith(f"{own}.")
        return None if inside or target == "tracker.api" else "but a plugin knows only tracker.api"
    if here == there or (floor(here) == floor(there) and HOUSE[floor(here)] in OPEN_FLOORS):
        return None
    return None if floor(there) < floor(here) else "which points up or aside"


def _library_objection(module: str, library: str) -> str | None:
    for name, refused in SHUT_OUT.items():
        if (module == name or module.startswith(f"{name}.")) and library in refused:
            return f"but {name} must not know {library}"
    return None


def faults(root: Path) -> list[str]:
    """Return a sentence for each import that the house does not allow."""
    known = modules(root)
    found = [
        f"{module} stands in no room of tests/test_layers.py" for module in known if place(module) is None
    ]
    for module, path in known.items():
        if place(module) is None:
            continue
        for target in sorted(imports(path, known)):
            why = objection(module, target)
            if why:
                found.append(f"{module} imports {target}, {why}")
    return found + circles(known)


def circles(known: dict[str, Path]) -> list[str]:
    """Return the first circle among the modules, if there is one."""
    graph = {module: imports(path, known) & known.keys() - {module} for module, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return ["a circle: " + " is imported by ".join(error.args[1])]
    return []


def untidy(root: Path) -> list[str]:
    """Return a sentence for each module or function that breaks a house rule of size, name or docstring."""
    found = []
    for module, path in modules(root).items():
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        lines = len(text.splitlines())
        if lines > MOST_LINES:
            found.append(f"{module} has {lines} lines, {MOST_LINES} at most: split it by meaning")
        if ast.get_docstring(tree) is None:
            found.append(f"{module} has no docstring: one sentence that says what lives here")
        if module.rpartition(".")[2] in EMPTY_NAMES:
            found.append(f"{module} has a name that says nothing")
        found += [
            f"{module}.{name} has {size} lines, {MOST_FUNCTION_LINES} at most" for name, size in _long(tree)
        ]
    return found


def _long(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = node.end_lineno - node.lineno + 1
            if size > MOST_FUNCTION_LINES:
                yield node.name, size


def test_imports_point_down_and_in_no_circle():
    assert faults(HERE) == []


def test_files_and_functions_are_short_and_say_what_they_are():
    assert untidy(HERE) == []


@pytest.fixture
def build(tmp_path):
    """Return a function that writes a small house: dotted name to source."""

    def make(**sources):
        for name, source in sources.items():
            path = tmp_path.joinpath("tracker", *name.split("__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'"""About."""\n{source}\n')
        return tmp_path

    return make


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("errors", "import tracker.fields.text"),
        ("core__base__outbox", "from tracker.core.items import write"),
        ("core__base__outbox", "def f():\n    from tracker.core.items import write"),
        ("core__profile__plan", "from tracker.core.transfer import read"),
        ("core__odd__thing", "import json"),
        ("core__items__write", "import flask.views"),
        ("core__items__write", "from wtforms import Form"),
        ("fields__text", "from flask import g"),
        ("web__lists__routes", "from tracker.plugins import notes"),
        ("rest__items", "from tracker.web.lists import routes"),
        ("plugins__notes", "from tracker.core.items import write"),
        ("plugins__notes", "from tracker.plugins.tasks import Task"),
        ("plugins__notes", "from tracker import __version__"),
        ("attic", "import json"),
    ],
)
def test_an_import_that_the_house_forbids_is_found(build, importer, statement):
    sources = {
        "core__items__write": "",
        "core__transfer__read": "",
        "fields__text": "",
        "web__lists__routes": "",
    }
    sources |= {"plugins__notes": "", "plugins__tasks": ""}

    assert len(faults(build(**(sources | {importer: statement})))) == 1


@pytest.mark.parametrize(
    ("importer", "statement"),
    [
        ("errors", "from tracker.i18n import _"),
        ("fields__text", "import wtforms"),
        ("core__items__write", "from tracker.core.base.outbox import claim"),
        ("core__base__outbox", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import tracker.app"),
        ("plugins__notes", "from tracker.api import hookimpl\nimport flask, tracker.plugins.notes"),
        ("web__lists__routes", "from tracker.core.items import write\nimport flask"),
        ("cli__serve", "from tracker.app import create_app\nfrom tracker.plugins import tasks"),
    ],
)
def test_an_import_that_the_house_allows_passes(build, importer, statement):
    sources = {
        "i18n": "",
        "core__items__write": "",
        "core__base__outbox": "",
        "api": "",
        "app": "",
        "plugins__tasks": "",
    }

    assert faults(build(**(sources | {importer: statement}))) == []


def test_a_circle_is_named_with_its_stations(build):
    root = build(fields__a="from tracker.fields import b", fields__b="import tracker.fields.a")

    (fault,) = faults(root)

    assert fault.startswith("a circle: ")
    assert {"tracker.fields.a", "tracker.fields.b"} <= set(
        fault.removeprefix("a circle: ").split(" is imported by ")
    )


def test_long_files_long_functions_and_bare_modules_are_found(build, tmp_path):
    root = build(api="\n" * MOST_LINES, app="def f():" + "\n    pass" * MOST_FUNCTION_LINES, fields__utils="")
    (root / "tracker" / "errors.py").write_text("")

    assert len(untidy(root)) == 4
