"""Plain data as YAML in the manner of the shipped profiles: what fits on a line stands on one."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from tracker.core.profile.tree import scalar

WIDTH = 140
_PLAIN = re.compile(r"-?[^\W\d_](?:[\w .'/()%&$+=<>!?;–…“”’-]*[\w.')%$!?…”’])?")
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def written(entries: Mapping[str, Any], *, indent: int = 0) -> Iterator[str]:
    """Yield the lines of a mapping, each entry on one line where it fits."""
    for key, value in entries.items():
        yield from _entry(f"{' ' * indent}{_key(key)}:", value, indent)


def flow(value: Any) -> str:
    """Return a value on one line."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_key(key)}: {flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    return text(value) if isinstance(value, str) else json.dumps(value)


def text(value: str, *, alone: bool = False) -> str:
    """Return a text as a scalar: bare where nothing in it means something else.

    :param alone: whether nothing follows on its line, so that commas in it mean nothing.
    """
    if (
        _PLAIN.fullmatch(value.replace(", ", " ") if alone else value)
        and isinstance(scalar(value), str)
        and "  " not in value
    ):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return "".join(each if each.isprintable() else _escaped(each) for each in quoted)


def _escaped(sign: str) -> str:
    return f"\\u{ord(sign):04x}" if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


def _key(key: str) -> str:
    return key if _KEY.fullmatch(key) else text(key) if _PLAIN.fullmatch(key) else json.dumps(key)


def _entry(lead: str, value: Any, indent: int) -> Iterator[str]:
    if isinstance(value, str):
        yield from _text_entry(lead, value, indent)
        return
    line = f"{lead} {flow(value)}"
    if not isinstance(value, (Mapping, list, tuple)) or not value or len(line) <= WIDTH:
        yield line
    elif isinstance(value, Mapping):
        yield lead
        yield from written(value, indent=indent + 2)
    else:
        yield lead
        yield from (f"{' ' * (indent + 2)}- {flow(each)}" for each in value)


def _text_entry(lead: str, value: str, indent: int) -> Iterator[str]:
    """Yield a text after its key; a long one is folded over several lines."""
    line = f"{lead} {text(value, alone=True)}"
    if len(line) <= WIDTH or value != " ".join(value.split()) or not value.isprintable():
        yield line
        return
    yield f"{lead} >-"
    pad = " " * (indent + 2)
    yield from textwrap.wrap(
        value,
        WIDTH - 20,
        initial_indent=pad,
        subsequent_indent=pad,
        break_long_words=False,
        break_on_hyphens=False,
    )
