"""`tracker profile`: validate, plan, apply and demo data."""

from __future__ import annotations

import click


@click.group()
def profile() -> None:
    """Profiles: whole configurations in one file."""
