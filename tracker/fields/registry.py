"""Which field types there are: built-in ones and those of plugins, found by name or alias."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracker.errors import Misconfigured, Unknown
from tracker.fields.base import FieldType
from tracker.i18n import _


class TypeRegistry:
    """Field types by name. A name is taken once and for ever."""

    def __init__(self, types: Iterable[type[FieldType]] = ()) -> None:
        self._types: dict[str, type[FieldType]] = {}
        self._aliases: dict[str, str] = {}
        for cls in types:
            self.add(cls)

    def add(self, cls: type[FieldType]) -> None:
        """Take a type in.

        :raises Misconfigured: the name, or an alias, is taken.
        """
        for name in (cls.name, *cls.aliases):
            if name in self._types or name in self._aliases:
                raise Misconfigured(_("Two field types are called “%(name)s”.", name=name))
        self._types[cls.name] = cls
        self._aliases.update(dict.fromkeys(cls.aliases, cls.name))

    def get(self, name: str) -> type[FieldType]:
        """Return the type of that name or alias.

        :raises Unknown: there is none; the nearest name is in the sentence.
        """
        cls = self.find(name)
        if cls is None:
            raise Unknown("field type", name, self._types)
        return cls

    def find(self, name: str) -> type[FieldType] | None:
        """Return the type of that name or alias, or None: its plugin may be gone."""
        return self._types.get(self._aliases.get(name, name))

    def __iter__(self) -> Iterator[type[FieldType]]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types or name in self._aliases
