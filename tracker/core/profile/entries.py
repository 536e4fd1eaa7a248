"""A mapping of the file, read entry by entry: each is asked for by name, and what nobody asked for is refused."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from difflib import get_close_matches

from tracker.core.profile.problems import Place, Problems, hint
from tracker.core.profile.tree import Node
from tracker.fields.keys import is_key
from tracker.i18n import Message, _

LONGEST = 10_000  # characters of one text
LONG = frozenset(
    {"help", "summary", "filter", "text", "show_if", "check", "message", "within"}
)  # may have several lines


class Entries:
    """One mapping that is being read. None is returned where an entry is missing, empty or wrong."""

    def __init__(self, node: Node, what: str, problems: Problems) -> None:
        self.node = node
        self.what = what
        self.problems = problems
        self.asked: list[str] = []
        if not isinstance(node.value, dict):
            self._refuse(node, _("%(what)s is described by a mapping, such as {title: …}.", what=what))

    def get(self, name: str) -> Node | None:
        """Return an entry as it is."""
        self.asked.append(name)
        found = self.node.entries.get(name)
        return None if found is None or found.value is None else found

    def text(self, name: str, *, required: bool = False) -> str | None:
        """Return a text; a number counts as it is written."""
        found = self.get(name)
        if found is None:
            if required and isinstance(self.node.value, dict):
                if meant := self._misspelt(name):
                    self.problems.add(self.place(meant), unknown_entry(meant, self.what, [name]))
                    return None
                message = _("“%(name)s” is missing: %(what)s has one.", name=name, what=self.what)
                self._refuse(self.node, message)
            return None
        if isinstance(found.value, (bool, list, dict)):
            self._refuse(found, _("“%(name)s” is a text.", name=name))
            return None
        if len(found.raw) > LONGEST:
            message = _("“%(name)s” has at most %(longest)d characters.", name=name, longest=LONGEST)
            self._refuse(found, message)
            return None
        if name not in LONG and ("\n" in found.raw or "\t" in found.raw):
            self._refuse(found, _("“%(name)s” is one line, without tabs.", name=name))
            return None
        return found.raw or None

    def _misspelt(self, name: str) -> str:
        """Return the entry that must be meant by a missing one, such as `titel`; empty when there is none."""
        others = [each for each in self.rest() if not each.startswith(name)]
        return next(iter(get_close_matches(name, others, n=1, cutoff=0.75)), "")

    def flag(self, name: str) -> bool | None:
        """Return a boolean."""
        found = self.get(name)
        if found is not None and not isinstance(found.value, bool):
            self._refuse(found, _("“%(name)s” is true or false.", name=name))
            return None
        return None if found is None else bool(found.value)

    def words(self, name: str) -> list[str] | None:
        """Return a list of texts; one text alone is a list of one."""
        found = self.get(name)
        return None if found is None else [each.raw for each in self.word_nodes(found, name)]

    def word_nodes(self, node: Node, name: str) -> Sequence[Node]:
        """Return the nodes of a list of texts, or of one that stands alone."""
        nodes = node.items if isinstance(node.value, list) else [node]
        for each in nodes:
            if not isinstance(each.value, str):
                self._refuse(each, _("“%(name)s” is a list of texts.", name=name))
                return []
        return nodes

    def mapping(self, name: str) -> dict[str, Node]:
        """Return the entries of a mapping; none when it is missing."""
        found = self.get(name)
        if found is None:
            return {}
        if not isinstance(found.value, dict):
            self._refuse(found, _("“%(name)s” is a mapping.", name=name))
        return found.entries

    def place(self, name: str) -> Place:
        """Return where an entry's key stands."""
        return self.node.key_place(name)

    def keyed(self, name: str, *, what: str, reserved: Container[str] = ()) -> list[tuple[str, Node, Place]]:
        """Return key, node and the key's place of each entry of a mapping whose keys are those of definitions."""
        entries = self.mapping(name)
        found = self.node.entries.get(name)
        keyed: list[tuple[str, Node, Place]] = []
        for key, node in entries.items():
            assert found is not None
            place = found.key_place(key)
            if is_key(key, reserved=reserved):
                keyed.append((key, node, place))
            else:
                self.problems.add(place, no_key(key, what, reserved))
        return keyed

    def rest(self) -> dict[str, Node]:
        """Return the entries that nobody asked for."""
        return {name: node for name, node in self.node.entries.items() if name not in self.asked}

    def finish(self, also: Iterable[str] = ()) -> None:
        """Refuse what nobody asked for."""
        for name in self.rest():
            known = [*self.asked, *also]
            self.problems.add(self.place(name), unknown_entry(name, self.what, known))

    def _refuse(self, node: Node, message: Message) -> None:
        self.problems.add(node.place, message)


def unknown_entry(name: str, what: str, known: Iterable[str]) -> Message:
    """Return the refusal of an entry that is not there."""
    near = hint(name, known)
    return _("“%(name)s” is no entry of %(what)s.%(near)s", name=name[:100], what=what, near=near)


def no_key(key: str, what: str, reserved: Container[str]) -> Message:
    """Return the refusal of a word as a key."""
    if key in reserved:
        return _("“%(key)s” is a word that Tracker uses itself, and no key for %(what)s.", key=key, what=what)
    return _(
        "“%(key)s” cannot be the key of %(what)s: small letters, digits and single _ between them,"
        " a letter first, at most 48.",
        key=key[:100],
        what=what,
    )
