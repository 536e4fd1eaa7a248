"""The page of one item: read, create, change, trash, history, conflict, reveal."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("items", __name__, url_prefix="/t/<name>", template_folder="..")
