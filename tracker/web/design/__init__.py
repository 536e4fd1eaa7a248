"""The design in the browser: trackers, fields, rules, and the plan before anything is saved."""

from __future__ import annotations

from flask import Blueprint

bp = Blueprint("design", __name__, url_prefix="/admin/trackers")
