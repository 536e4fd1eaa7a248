"""The pages: what a person sees in a browser."""

from __future__ import annotations

import importlib
from pathlib import Path

from flask import Blueprint, Flask
from jinja2 import FileSystemLoader

from tracker.core.base.workspace import Workspace
from tracker.settings import Settings
from tracker.web import asking, assets, failures, identity, ids, incoming, security, showing, toasts

HERE = Path(__file__).parent
AREAS = ("accounts", "home", "searching", "changes", "lists", "items", "design", "admin")


def create(workspace: Workspace, settings: Settings) -> Flask:
    """Return the pages over an open workspace.

    Each area is a package here with its templates; its `routes` has a blueprint `bp`, or several in `blueprints`.
    """
    app = Flask(__name__, static_folder=str(assets.STATIC), static_url_path="/static")
    # `lists/list.html` lies in its area; what all pages share, `tracker/page.html`, lies in templates/.
    app.jinja_loader = FileSystemLoader([HERE, HERE / "templates"])
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    incoming.install(app, workspace, settings)
    security.install(app, settings)
    ids.install(app)
    asking.install(app, workspace)
    identity.install(app, settings)
    failures.install(app)
    showing.install(app)
    toasts.install(app)
    for area in AREAS:
        for blueprint in _blueprints(area):
            app.register_blueprint(blueprint)
    _mount_plugins(app, workspace)
    return app


def _blueprints(area: str) -> list[Blueprint]:
    routes = importlib.import_module(f"{__name__}.{area}.routes")
    return list(getattr(routes, "blueprints", None) or [routes.bp])


def _mount_plugins(app: Flask, workspace: Workspace) -> None:
    """Mount the pages of plugins below /p/<plugin>/; one that cannot be mounted is quarantined."""
    registered = getattr(workspace.hooks, "registered", None)
    for plugin, blueprint in registered.blueprints if registered else ():
        try:
            app.register_blueprint(blueprint, url_prefix=f"/p/{plugin}{blueprint.url_prefix or ''}")
        except Exception as error:  # noqa: BLE001 - a plugin may do anything
            workspace.hooks.quarantine(
                plugin, f"Its pages cannot be mounted: {type(error).__name__}: {error}"
            )
