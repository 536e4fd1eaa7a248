"""No path leaks: the engine's mark stands only where it may, and the listener refuses what nobody answers for."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ground import Ground, field, group, tracker_def
from guarding import PLACES, UNASKED, Unguarded
from sqlalchemy import select
from test_layers import HERE, modules

from tracker.core.ask.page import get_item
from tracker.core.ask.rows import elements
from tracker.core.design.marks import as_system
from tracker.core.items.write import Placing

OF_ENGINE = {"as_system", "own_work", "inserting", "insert_rows", "MARK", "EngineScope", "system_scope"}
OF_ACCESS = {"marked", "ACCESS", "GrantScope"}
MAKERS = {"core.design.marks", "core.access.clauses", "core.access.inserting", "core.access.system"}


def written(path: Path, names: set[str]) -> set[str]:
    """Return the functions, methods and constants of a file that use one of `names`."""
    return {place for place, name in _names(ast.parse(path.read_bytes()), "") if name in names}


def _names(node: ast.AST, place: str) -> Iterator[tuple[str, str]]:
    for child in ast.iter_child_nodes(node):
        here = place
        if isinstance(child, ast.FunctionDef | ast.ClassDef) and (
            not place or isinstance(node, ast.ClassDef)
        ):
            here = f"{place}.{child.name}".lstrip(".")
        elif isinstance(child, ast.Assign) and not place:
            here = ast.unparse(child.targets[0])
        match child:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                yield here, name
            case ast.alias(name=name, asname=str()):  # another name would hide the next uses
                yield "import", name
            case ast.Constant(value=str(words)):  # a comment by hand
                yield from ((here, "MARK") for mark in ("/*access", "/*engine") if mark in words)
        yield from _names(child, here)


def test_the_engines_mark_is_written_only_where_the_list_says_why():
    found = defaultdict(set)
    for module, path in modules(HERE).items():
        inner = module.removeprefix("tracker.")
        if inner not in MAKERS and (places := written(path, OF_ENGINE)):
            found[inner] = places

    listed = {module: set(places.split()) for module, (places, _why) in PLACES.items()}
    assert found == {module: places for module, places in listed.items() if places}


def test_access_alone_writes_its_mark():
    writing = {module for module, path in modules(HERE).items() if written(path, OF_ACCESS)}

    assert writing == {f"tracker.{maker}" for maker in MAKERS}


def test_functions_that_need_not_ask_are_there():
    known = modules(HERE)

    for place in UNASKED:
        module, _, function = place.partition(":")
        assert f"def {function}(" in known[f"tracker.{module}"].read_text(), place


@pytest.mark.parametrize(
    ("source", "place"),
    [
        ("def f():\n    return [as_system(t) for t in ()]", "f"),
        ("class C:\n    def f(self):\n        return clauses.as_system(t)", "C.f"),
        ("HELD = insert(x).prefix_with(MARK)", "HELD"),
        ("from tracker.core.design.marks import as_system as fine", "import"),
        ("def f():\n    return text('SELECT 1 /*access:t_1*/')", "f"),
    ],
)
def test_every_way_to_write_a_mark_is_found(tmp_path, source, place):
    path = tmp_path / "odd.py"
    path.write_text(source)

    assert written(path, OF_ENGINE) == {place}


@pytest.fixture
def films(ground: Ground) -> Ground:
    """Return a workspace with a film that has a tag, and that the group `staff` may not view."""
    ground.configure(
        tracker_def("film", field("name"), field("tags", "tags")), group("staff", film__view="own")
    )
    ground.create("film", name="Alien", tags=["x"])
    return ground


def test_the_engine_reads_no_list_for_an_actor_before_access_was_asked(films):
    film, ada = films.tracker("film"), films.person("ada@example.org", "staff")
    mine = films.create("film", tags=["y"], placing=Placing(ada.user_id))

    with films.workspace.read(ada) as reading:
        with pytest.raises(Unguarded, match=r"core.ask.rows:\w+ did not ask access"):
            elements(reading, film, film.fields["tags"], [mine])
        get_item(reading, film, mine)
        assert elements(reading, film, film.fields["tags"], [mine]) == {mine: ("y",)}


def test_a_door_runs_nothing_that_bears_the_engines_mark_alone(films):
    film, ada = films.tracker("film"), films.person("ada@example.org", "staff")
    mine = films.create("film", placing=Placing(ada.user_id))
    door: dict[str, Any] = {"__name__": "tracker.web.lists.routes"}
    exec("def show(reading, statement):\n    return reading.execute(statement)", door)

    with films.workspace.read(ada) as reading:
        get_item(reading, film, mine)
        with pytest.raises(Unguarded, match="web.lists.routes:show is not among PLACES"):
            door["show"](reading, select(film.table.c.id).where(as_system(film)))
