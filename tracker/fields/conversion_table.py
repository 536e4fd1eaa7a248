"""The table of conversions in docs/changing-types.md, made by converting every sample of every type."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tracker.fields.base import FieldType, Kind
from tracker.fields.choices import Tags
from tracker.fields.conversion import Conversion, Fit, Names, possible
from tracker.fields.text import Line, Paragraph

HEAD = "| From | every sample fits | some lose something or do not fit | none fits |\n| --- | --- | --- | --- |\n"
NAMES = Names(shown=lambda number: f"Item {number}", found=lambda _text: 12)


def table(types: Iterable[type[FieldType]]) -> str:
    """Return the Markdown of all pairs of `types`: a row for each type that holds values."""
    bound = [cls(cls.sample_options) for cls in types]
    rows = [_row(old, bound) for old in bound if any(possible(old, new) is None for new in bound)]
    return HEAD + "".join(f"{row}\n" for row in rows)


def _row(old: FieldType, types: Sequence[FieldType]) -> str:
    cells: dict[str, list[str]] = {"all": [], "some": [], "none": []}
    for new in types:
        if new.name != old.name and possible(old, new) is None:
            cells[outcome(old, new)].append(f"`{new.name}`")
    told = (", ".join(names) or "–" for names in cells.values())
    return f"| `{old.name}` | {' | '.join(told)} |"


def outcome(old: FieldType, new: FieldType) -> str:
    """Return how the samples of one type come through to another: `all`, `some` or `none`."""
    conversion = Conversion(old, new, names=NAMES)
    fits = {conversion.convert(value).fit for value in (*samples(old), *_written(old, new))}
    if fits == {Fit.FINE}:
        return "all"
    return "none" if fits == {Fit.EMPTIED} else "some"


def samples(cls: FieldType) -> list[Any]:
    """Return the judged samples of a type that are not empty."""
    return [value for raw in cls.good if (value := cls.judge(raw)) is not None and cls.kind is not Kind.NONE]


def _written(old: FieldType, new: FieldType) -> list[Any]:
    """Return the samples of the new type as a text field may hold them, for what people wrote into it."""
    if not isinstance(old, (Line, Paragraph, Tags)) or new.refers:
        return []
    return [
        old.judge([text] if old.many else text) for text in map(new.text, samples(new)) if len(text) < 100
    ]


def _write(path: Path) -> None:
    from tracker.fields import BUILTIN

    kept, _old, _table = path.read_text(encoding="utf-8").partition("\n| From ")
    path.write_text(f"{kept.rstrip()}\n\n{table(BUILTIN)}", encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
