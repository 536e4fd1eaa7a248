"""What changed, and taking it back."""

from __future__ import annotations

from flask import Blueprint, redirect, render_template
from flask.typing import ResponseReturnValue

bp = Blueprint("changes", __name__, url_prefix="/changes")


@bp.get("")
def show_all() -> ResponseReturnValue:
    """List change sets, newest first."""
    return render_template("home/home.html")


@bp.post("/<int:change_set_id>/undo")
def undo_one(change_set_id: int) -> ResponseReturnValue:
    """Undo a change set."""
    return redirect("/", 303)
