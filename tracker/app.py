"""Putting the rooms together: the only module that knows them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tracker.core.base.database import Database
from tracker.core.base.hooks import Hooks
from tracker.core.base.registered import collect, collect_types
from tracker.core.base.secret import ensure_secret
from tracker.core.base.workspace import Language, Workspace
from tracker.core.language.computed import settle_kinds
from tracker.core.language.expression import keys_in
from tracker.core.language.uses import check_design
from tracker.core.vault.keys import local_provider
from tracker.hookspecs import StartContext
from tracker.plugins import builtin_types, timeline
from tracker.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Collection

    from flask import Flask

ESSENTIAL = (builtin_types,)  # without them no field has a type, so safe mode keeps them
BUNDLED = (*ESSENTIAL, timeline)


def open_workspace(settings: Settings, *, as_it_is: bool = False) -> Workspace:
    """Open the workspace of these settings, with its plugins; make it, or bring it up to date, if need be.

    :param as_it_is: make nothing and change nothing, to look at what is there.
    :raises Misconfigured: no database, or not the secret of this workspace.
    """
    if as_it_is:
        return _assemble(settings)
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    workspace = _assemble(settings)
    try:
        workspace.upgrade()
        ensure_secret(workspace, settings.secret_file)
    except BaseException:
        workspace.database.close()
        raise
    return workspace


def _assemble(settings: Settings) -> Workspace:
    hooks = load_hooks(settings)
    ctx = StartContext(home=settings.home, url=settings.url)
    types = collect_types(hooks, ctx)
    collect(hooks, ctx)
    return Workspace(
        Database(settings.database_url),
        home=settings.home,
        types=types,
        hooks=hooks,
        key_provider=local_provider(settings.master_key_file),
        language=Language(settle_kinds, check_design, keys_in),
        icons=_icons,
    )


def load_hooks(settings: Settings) -> Hooks:
    """Load the plugins that these settings allow."""
    if settings.safe_mode:
        return Hooks.load(bundled=ESSENTIAL, entry_points=False)
    return Hooks.load(
        bundled=BUNDLED, disabled=set(settings.plugins_off) - {_name(each) for each in ESSENTIAL}
    )


def create_app(workspace: Workspace, settings: Settings) -> Flask:
    """Return the web application over an open workspace."""
    from tracker import web

    app: Flask = web.create(workspace, settings)  # type: ignore[attr-defined,unused-ignore]
    return app


def _icons() -> Collection[str] | None:
    from tracker.web.assets import drawn_icons

    return drawn_icons()


def _name(plugin: object) -> str:
    return plugin.PLUGIN.name  # type: ignore[attr-defined,no-any-return]
