"""A request's own snapshot, actor and writes: `g.workspace`, `g.actor`, `g.reading()` and `changing()`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from flask import Flask, g

from tracker.core.base.actor import NOBODY, Actor, system
from tracker.core.base.transaction import ChangeKind, ChangeSet, Reading
from tracker.core.base.workspace import Workspace

View = TypeVar("View", bound=Callable[..., object])
WEB = system("web")  # for what the pages do for themselves: sessions, links, the brake on guessing


def install(app: Flask, workspace: Workspace) -> None:
    """Give every request its workspace, and end its snapshot with it."""

    @app.before_request
    def begin() -> None:
        g.workspace = workspace
        g.actor = NOBODY
        g.session = None
        g.reading = reading

    @app.teardown_request
    def finish(_error: BaseException | None) -> None:
        close()


def reading() -> Reading:
    """Return the request's snapshot as `g.actor`; opened once, closed before a write and at the end."""
    held: Reading | None = g.get("held_reading")
    if held is None or held.actor is not g.actor:
        if held is None:
            g.held_stack = ExitStack()
            connection = g.held_stack.enter_context(g.workspace.database.reading())
        else:
            connection = held.connection
        held = g.held_reading = Reading(g.workspace, connection, g.actor)
    return held


def close() -> None:
    """End the request's snapshot; the next `reading()` sees what was written since."""
    stack: ExitStack | None = g.pop("held_stack", None)
    g.pop("held_reading", None)
    if stack is not None:
        stack.close()


@contextmanager
def changing(
    *,
    actor: Actor | None = None,
    kind: ChangeKind = "save",
    reason: str = "",
    designing: bool = False,
) -> Iterator[ChangeSet]:
    """Open one write of the pages as `g.actor`; what was read before is read anew afterwards."""
    close()
    with g.workspace.change(
        actor or g.actor, door="web", kind=kind, reason=reason, designing=designing
    ) as change:
        yield change


def public(view: View) -> View:
    """Mark a view that is open to people who are not signed in; a test holds the list of them."""
    view.is_public = True  # type: ignore[attr-defined]
    return view


def body(megabytes: int) -> Callable[[View], View]:
    """Mark a view that takes larger bodies than a form has, such as an upload."""

    def mark(view: View) -> View:
        view.largest_body = megabytes * 1024 * 1024  # type: ignore[attr-defined]
        return view

    return mark
