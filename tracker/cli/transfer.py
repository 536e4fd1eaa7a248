"""`tracker import` and `tracker export`."""

from __future__ import annotations

import click


@click.command("import")
def import_() -> None:
    """Import a CSV file, or a folder of them, as one change set."""


@click.command()
def export() -> None:
    """Export items."""
