"""The page of one item: read, create, change, trash, history, conflict, reveal."""

from __future__ import annotations

from flask import Blueprint

ITEM = "/<int:item_id>"

bp = Blueprint("items", __name__, url_prefix="/t/<name>")
