"""The table of field types in docs/field-types.md, written from the classes so that it cannot grow old."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from marshmallow import missing

from tracker.fields.base import FieldType


def table(types: Iterable[type[FieldType]]) -> str:
    """Return the Markdown of all `types`: a section a group, a table row a type."""
    groups: dict[str, list[type[FieldType]]] = {}
    for cls in types:
        groups.setdefault(cls.group, []).append(cls)
    return "\n".join(_section(group, members) for group, members in groups.items())


def _section(group: str, members: list[type[FieldType]]) -> str:
    head = (
        f"### {group}\n\n| Type | For | Options | Can be | For instance |\n| --- | --- | --- | --- | --- |\n"
    )
    return head + "".join(f"{_row(cls)}\n" for cls in members)


def _row(cls: type[FieldType]) -> str:
    also = f" (also `{'`, `'.join(cls.aliases)}`)" if cls.aliases else ""
    samples = [_sample(cls, raw) for raw in cls.good if raw is not None][:2]
    cells = (
        f"`{cls.name}`{also}",
        f"**{cls.label}.** {cls.about}",
        "<br>".join(_options(cls)),
        ", ".join(_traits(cls)),
        "<br>".join(f"`{sample}`" for sample in dict.fromkeys(samples)),
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _options(cls: type[FieldType]) -> list[str]:
    found: list[str] = []
    for name, option in cls.schema().fields.items():
        default: Any = option.load_default
        if option.required:
            told = " (required)"
        elif default is missing or default is None or not str(default):
            told = ""
        else:
            told = f" = {str(default).lower() if isinstance(default, bool) else default}"
        found.append(f"`{option.data_key or name}`{told}")
    return found


def _traits(cls: type[FieldType]) -> list[str]:
    named = {
        "many": cls.many,
        "sorted": cls.sortable
        and not cls.many
        and bool(cls.kind.value not in ("none", "parts") or cls.sorted_by),
        "grouped": cls.groupable,
        "unique": cls.uniqueable,
        "searched": cls.searchable,
        "encrypted": cls.encryptable,
        "computed": cls.computed,
    }
    return [name for name, holds in named.items() if holds]


def _sample(cls: type[FieldType], raw: Any) -> str:
    bound = cls(cls.sample_options)
    return bound.text(bound.judge(raw)).replace("\n", "⏎").replace("`", "'")


def _write(path: Path) -> None:
    from tracker.fields import BUILTIN

    kept, _old, _table = path.read_text(encoding="utf-8").partition("\n### ")
    path.write_text(f"{kept.rstrip()}\n\n{table(BUILTIN)}", encoding="utf-8")


if __name__ == "__main__":
    _write(Path(sys.argv[1]))
