"""Values as a page shows them: by their type, with the names of what they link to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from markupsafe import Markup

from tracker.core.access.people import names_of
from tracker.core.ask.names import names
from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField
from tracker.core.design.store import trackers
from tracker.core.items.files import file_names
from tracker.fields.links import LinkTo
from tracker.i18n import Message, _
from tracker.web import assets
from tracker.web.showing import to_item

REFERRING = ("item", "user", "group", "file")
UNSEEN = _("one that is not open to you")
UNSEEN_MANY = _("%(n)d that are not open to you")


class Names:
    """The names of all items, people and groups that some values refer to; one query each tracker."""

    def __init__(
        self, reading: Reading, fields: Iterable[BoundField], rows: Iterable[Mapping[str, Any]]
    ) -> None:
        self.reading = reading
        self.reader = reading.actor.reader
        wanted: dict[tuple[str, str], set[int]] = {}
        held = list(rows)
        for each in fields:
            if each.refers in REFERRING and not each.computed and not each.sealed:
                place = (each.refers, each.type.options.to if each.refers == "item" else "")
                for row in held:
                    wanted.setdefault(place, set()).update(_targets(row.get(each.key)))
        self._known = {place: self._fetch(*place, ids=ids) for place, ids in wanted.items() if ids}

    def _fetch(self, refers: str, to: str, *, ids: set[int]) -> dict[int, str]:
        if refers == "user":
            return names_of(self.reading, ids)
        if refers == "file":
            return file_names(self.reading, ids)
        known = trackers(self.reading)
        if refers == "group":
            return {group.id: group.title for group in known.design.groups if group.id in ids}
        target = known.by_key.get(to)
        return {} if target is None or target.definition.retired else names(self.reading, target, ids)

    def html(self, field: BoundField, value: Any, *, at: str = "", unseen: bool = True) -> Markup:
        """Return a value that is neither empty nor masked, escaped and with its links.

        :param at: the address of the item that holds it now; without one, files are named only.
        :param unseen: say that it refers to what the reader may not view; otherwise there is nothing of it.
        """
        if field.refers == "file" and not field.computed:
            return file_links(self._known.get(("file", ""), {}), value, at, field.key)
        if field.refers in REFERRING and not field.computed:
            elements = value if isinstance(value, (tuple, list)) else (value,)
            found = [self._reference(field, each) for each in elements]
            seen = [each for each in found if each is not None]
            if unseen and len(seen) < len(found):
                seen.append(not_open(len(found) - len(seen)))
            return Markup(", ").join(seen)
        shown = field.type.html(value, self.reader)
        return shown if field.type.block else Markup("<bdi>{}</bdi>").format(shown)

    def _reference(self, field: BoundField, element: Any) -> Markup | None:
        target = element.target if isinstance(element, LinkTo) else element
        to = field.type.options.to if field.refers == "item" else ""
        name = self._known.get((field.refers, to), {}).get(target)
        if name is None:
            return None
        if field.refers == "item":
            shown = Markup('<a href="{}"><bdi>{}</bdi></a>').format(to_item(to, target), name)
        else:
            shown = Markup("<bdi>{}</bdi>").format(name)
        if isinstance(element, LinkTo):
            rest = field.type.format((element,), self.reader).removeprefix(f"#{target}")
            return Markup("{}{}").format(shown, rest)
        return shown


def not_open(n: int) -> Markup:
    """Return the words for linked things that the reader may not view: never which."""
    words = UNSEEN if n == 1 else Message(UNSEEN_MANY.template, n=n)
    return Markup('<span class="tk-3">{}</span>').format(str(words))


def file_links(known: Mapping[int, str], value: Any, at: str, key: str) -> Markup:
    """Return the names of a field's file or files; as links where the item that holds them has an address."""
    if not isinstance(value, (tuple, list)):
        return _file_link(known.get(value, f"#{value}"), at, key)
    links = [_file_link(known.get(each, f"#{each}"), at, f"{key}/{each}") for each in value]
    return Markup('<span class="tk-filelist">{}</span>').format(Markup(" ").join(links))


def _file_link(name: str, at: str, key: str) -> Markup:
    mark = assets.icon("paperclip", "s")
    if not at:
        return Markup('<span class="tk-file">{}<bdi>{}</bdi></span>').format(mark, name)
    return Markup('<a class="tk-file" href="{}/file/{}" download>{}<bdi>{}</bdi></a>').format(
        at, key, mark, name
    )


def _targets(value: Any) -> set[int]:
    elements = value if isinstance(value, (tuple, list)) else (value,)
    return {each.target if isinstance(each, LinkTo) else each for each in elements if each is not None}
