"""Asking plugins: the only place that calls them, one implementation at a time."""

from __future__ import annotations


class Hooks:
    """The plugins of a workspace."""
