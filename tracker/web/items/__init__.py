"""The page of one item: read, create, change, trash, history, conflict, reveal."""

from __future__ import annotations

from flask import Blueprint

ITEM = "/<int(max=9223372036854775807):item_id>"  # an id that fits into the database

bp = Blueprint("items", __name__, url_prefix="/t/<name>", template_folder="..")
