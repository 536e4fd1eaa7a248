"""Mappings as YAML: read within a budget, refused with the line, and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tracker.core.transfer.mapping import DATES, MODES, FileMap, ImportMap, Placed, To, Where
from tracker.core.transfer.source import Layout
from tracker.errors import Invalid, nearest
from tracker.i18n import Message, _

MOST_BYTES = 1_000_000
_ENTRIES = (
    "file tracker where key mode columns constants values group owner"
    " encoding delimiter header sheet dates decimal country zone"
).split()
_FOR_ALL = ("encoding", "delimiter", "dates", "decimal", "country", "zone", "mode")
_LAYOUT = ("encoding", "delimiter", "header", "sheet")
_NOTHING = ("", "null", "Null", "NULL", "~")


class BadMap(Invalid):
    """A mapping that cannot be read; the sentence begins with `file:line:`."""

    def __init__(self, message: Message) -> None:
        super().__init__("mapping", message)


def read_map(path: Path) -> ImportMap:
    """Read a mapping file.

    :raises BadMap: it is no YAML, or says what no mapping says.
    """
    if path.stat().st_size > MOST_BYTES:
        raise BadMap(_("%(file)s is too large for a mapping.", file=path.name))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadMap(_("%(file)s is not UTF-8.", file=path.name)) from error
    return parse_map(text, name=path.name)


def parse_map(text: str, *, name: str = "mapping") -> ImportMap:
    """Read a mapping from text.

    :raises BadMap: as `read_map`.
    """
    try:
        top = YAML(typ="safe", pure=True).compose(StringIO(text))
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark else name
        problem = getattr(error, "problem", None) or "not YAML"
        raise BadMap(_("%(place)s: this is no YAML: %(problem)s.", place=place, problem=problem)) from error
    except RecursionError as error:
        raise BadMap(_("%(file)s is nested too deeply.", file=name)) from error
    reader = _Reader(name)
    entries = reader.entries(top, ("files", *_FOR_ALL))
    if "files" not in entries:
        raise reader.bad(top, _("A mapping lists its “files”."))
    common = {key: node for key, node in entries.items() if key != "files"}
    found = tuple(reader.file(node, common) for node in reader.items(entries["files"]))
    if not found:
        raise reader.bad(top, _("A mapping lists at least one file."))
    return ImportMap(found)


class _Reader:
    """Reads nodes; every refusal names the line."""

    def __init__(self, name: str) -> None:
        self.name = name

    def bad(self, node: Node | None, message: Message) -> BadMap:
        line = node.start_mark.line + 1 if node is not None and node.start_mark else 1
        return BadMap(_("%(name)s:%(line)d: %(message)s", name=self.name, line=line, message=message))

    def entries(self, node: Node | None, known: Iterable[str] = ()) -> dict[str, Any]:
        """Return a mapping's values by key; keys that are not known are refused with the nearest."""
        if not isinstance(node, MappingNode):
            raise self.bad(node, _("Here stands “key: value”, line by line."))
        self._plain(node)
        allowed = list(known)
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = self.text(key)
            if name in found:
                raise self.bad(key, _("“%(name)s” stands twice.", name=name))
            if allowed and name not in allowed:
                near = nearest(name, allowed)
                hint = _(" Did you mean “%(near)s”?", near=near) if near else ""
                raise self.bad(key, _("A mapping has no “%(name)s”.%(hint)s", name=name, hint=hint))
            found[name] = value
        return found

    def items(self, node: Node) -> list[Node]:
        """Return a list's nodes; a single one may stand for a list of one."""
        self._plain(node)
        return list(node.value) if isinstance(node, SequenceNode) else [node]

    def text(self, node: Node) -> str:
        """Return a scalar as it is written; nothing and null are empty."""
        if not isinstance(node, ScalarNode):
            raise self.bad(node, _("Give a text here."))
        self._plain(node)
        return "" if node.style is None and node.value in _NOTHING else str(node.value)

    def one_of(self, node: Node, known: Iterable[str]) -> Any:
        text = self.text(node)
        if text not in known:
            raise self.bad(node, _("“%(text)s” is none of: %(known)s.", text=text, known=", ".join(known)))
        return text

    def _plain(self, node: Node) -> None:
        if getattr(node, "anchor", None):
            raise self.bad(node, _("A mapping has no anchors and aliases."))

    # -- what a mapping says ------------------------------------------------------------------

    def file(self, node: Node, common: Mapping[str, Any]) -> FileMap:
        """Read one entry of `files`."""
        own = self.entries(node, _ENTRIES)
        entries = {**common, **own}
        if "tracker" not in own or "columns" not in own:
            raise self.bad(node, _("Each file says its “tracker” and its “columns”."))
        columns = {name: self.targets(each) for name, each in self.entries(own["columns"]).items()}
        made = FileMap(self.text(own["tracker"]), columns={name: to for name, to in columns.items() if to})
        texts: dict[str, Any] = {
            name: self.text(entries[name]) for name in ("file", "key", "country", "zone") if name in entries
        }
        made = replace(made, **texts)
        if "mode" in entries:
            made = replace(made, mode=self.one_of(entries["mode"], MODES))
        if "dates" in entries:
            made = replace(made, dates=self.one_of(entries["dates"], DATES))
        if "decimal" in entries:
            made = replace(made, decimal=self.one_of(entries["decimal"], (".", ",")))
        return replace(
            made,
            layout=self.layout(entries),
            constants={
                name: self.text(each) for name, each in self.entries(own.get("constants", _EMPTY)).items()
            },
            values={
                name: {cell: self.text(to) for cell, to in self.entries(each).items()}
                for name, each in self.entries(own.get("values", _EMPTY)).items()
            },
            where={name: self.where(each) for name, each in self.entries(own.get("where", _EMPTY)).items()},
            group=self.placed(own["group"]) if "group" in own else None,
            owner=self.placed(own["owner"]) if "owner" in own else None,
        )

    def layout(self, entries: Mapping[str, Any]) -> Layout:
        told: dict[str, Any] = {name: self.text(entries[name]) for name in _LAYOUT if name in entries}
        if "header" in told:
            if not told["header"].isdigit() or len(told["header"]) > 6:
                raise self.bad(
                    entries["header"], _("Give the number of the line on which the names of columns stand.")
                )
            told["header"] = int(told["header"])
        if "delimiter" in told:
            told["delimiter"] = {"tab": "\t"}.get(told["delimiter"], told["delimiter"])
            if len(told["delimiter"]) != 1:
                raise self.bad(entries["delimiter"], _("A delimiter is one sign, or “tab”."))
        return Layout(**told)

    def targets(self, node: Node) -> tuple[To, ...]:
        """Read where a column goes: `field`, `field.part`, `{field, by, add}`, `{first: [...]}`; nothing leaves it out."""
        if isinstance(node, ScalarNode):
            name, _dot, part = self.text(node).partition(".")
            return (To(name, part),) if name else ()
        entries = self.entries(node, ("field", "by", "add", "first"))
        if "first" in entries:
            return tuple(to for each in self.items(entries["first"]) for to in self.targets(each))
        if "field" not in entries:
            raise self.bad(node, _("Say into which “field” the column goes."))
        name, _dot, part = self.text(entries["field"]).partition(".")
        add = "add" in entries and self.one_of(entries["add"], ("true", "false")) == "true"
        return (To(name, part, self.text(entries["by"]) if "by" in entries else "", add),)

    def where(self, node: Node) -> Where:
        """Read which cells are taken: a text, a list of texts, or `{not: ...}`."""
        if isinstance(node, MappingNode):
            entries = self.entries(node, ("not",))
            return replace(self.where(entries["not"]), negated=True) if "not" in entries else Where(())
        return Where(tuple(self.text(each).strip() for each in self.items(node)))

    def placed(self, node: Node) -> Placed:
        """Read whose the items are: a key or address, or `{column, by, else}`."""
        if isinstance(node, ScalarNode):
            return Placed(otherwise=self.text(node))
        entries = self.entries(node, ("column", "by", "else"))
        told = {name: self.text(each) for name, each in entries.items()}
        return Placed(told.get("column", ""), told.get("by", ""), told.get("else", ""))


_EMPTY = MappingNode("tag:yaml.org,2002:map", [])


def write_map(mapping: ImportMap) -> str:
    """Return a mapping as YAML that `parse_map` reads back."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    stream = StringIO()
    yaml.dump({"files": [_plain(each) for each in mapping.files]}, stream)
    return stream.getvalue()


def _plain(each: FileMap) -> dict[str, Any]:
    told: dict[str, Any] = {
        "file": each.file,
        "tracker": each.tracker,
        "key": each.key,
        "mode": each.mode or "",
    }
    told |= {name: getattr(each.layout, name) for name in _LAYOUT}
    told["delimiter"] = {"\t": "tab"}.get(each.layout.delimiter, each.layout.delimiter)
    told |= {name: getattr(each, name) for name in ("dates", "decimal", "country", "zone")}
    told["where"] = {name: _plain_where(where) for name, where in each.where.items()}
    told["columns"] = {name: _plain_targets(to) for name, to in each.columns.items()}
    told |= {
        "constants": dict(each.constants),
        "values": {name: dict(pairs) for name, pairs in each.values.items()},
    }
    for name in ("group", "owner"):
        placed: Placed | None = getattr(each, name)
        if placed is not None:
            pairs = {"column": placed.column, "by": placed.by, "else": placed.otherwise}
            told[name] = {key: value for key, value in pairs.items() if value}
    return {name: value for name, value in told.items() if value or name == "columns"}


def _plain_where(where: Where) -> Any:
    values: Any = where.values[0] if len(where.values) == 1 else list(where.values)
    return {"not": values} if where.negated else values


def _plain_targets(targets: tuple[To, ...]) -> Any:
    made: list[Any] = []
    for to in targets:
        told: dict[str, Any] = {"field": to.text, "by": to.by, "add": to.add}
        rich = to.by or to.add
        made.append({name: value for name, value in told.items() if value} if rich else to.text)
    return made[0] if len(made) == 1 else {"first": made}
