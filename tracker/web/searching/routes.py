"""The search page."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("searching", __name__)


@bp.get("/search")
def show() -> ResponseReturnValue:
    """Show what was found, by tracker."""
    return render_template("home/home.html")
