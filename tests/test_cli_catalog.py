"""The documentation of commands says what the commands say."""

from __future__ import annotations

from pathlib import Path

from tracker.cli.catalog import START, catalog

DOCS = Path(__file__).parent.parent / "docs"


def test_every_command_and_option_is_documented():
    written = (DOCS / "commands.md").read_text(encoding="utf-8").partition(START)[2].strip()

    assert written == catalog().strip(), "run: python -m tracker.cli.catalog docs/commands.md"
