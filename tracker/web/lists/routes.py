"""The list of a tracker."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("lists", __name__, url_prefix="/t")


@bp.get("/<tracker>")
def show(tracker: str) -> ResponseReturnValue:
    """Show one page of a tracker's items."""
    return render_template("home/home.html")
