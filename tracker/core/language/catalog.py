"""The tables of functions and operators in docs/expressions.md, written from the code so that they stay true."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from tracker.core.language.calls import Known
from tracker.core.language.conditions import CONDITIONS
from tracker.core.language.functions import FUNCTIONS
from tracker.core.language.operators import OPERATORS
from tracker.core.language.relative import SPANS

_GROUPS = ("Texts", "Numbers", "Empty values", "Days and moments", "People", "Links and many values")


def tables() -> str:
    """Return the Markdown of all functions, operators and spans of days."""
    return "\n".join((_functions(), _operators(), _spans()))


def _functions() -> str:
    known: list[Known] = [*FUNCTIONS.values(), *CONDITIONS.values()]
    parts = ["## Functions\n"]
    for group in _GROUPS:
        rows = [f"| `{each.form}` | {each.about} |" for each in known if each.group == group]
        parts.append(f"### {group}\n\n" + _table(("Function", "Gives"), sorted(rows)))
    return "\n".join(parts)


def _operators() -> str:
    rows = []
    for (kind, many), offered in OPERATORS.items():
        names = ", ".join(f"`{each.name}` ({each.label})" for each in offered)
        rows.append(f"| {kind.value}{', many values' if many else ''} | {names} |")
    return "## Operators of filters\n\n" + _table(("Kind of field", "Operators"), rows)


def _spans() -> str:
    rows = [f"| `{name}` | {label} |" for name, label in SPANS.items()]
    return "## Spans of days\n\n" + _table(("Name", "Means"), rows)


def _table(heads: tuple[str, str], rows: Iterable[str]) -> str:
    return "\n".join((f"| {' | '.join(heads)} |", "| --- | --- |", *rows, ""))


def main() -> None:
    """Write the tables into the page named on the command line, after its comment that marks them."""
    page = Path(sys.argv[1])
    before, mark, _tables = page.read_text(encoding="utf-8").rpartition("-->\n")
    page.write_text(f"{before}{mark}\n{tables()}", encoding="utf-8")


if __name__ == "__main__":
    main()
