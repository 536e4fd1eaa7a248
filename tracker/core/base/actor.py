"""Who reads or writes: a person, or the system itself, always said and never guessed."""

from __future__ import annotations

from dataclasses import dataclass, field

from tracker.i18n import PLAIN, Reader


@dataclass(frozen=True)
class Actor:
    """Whoever acts. `system` may do everything, and has to be asked for by name."""

    name: str
    user_id: int | None = None
    system: bool = False
    reader: Reader = field(default=PLAIN, compare=False)


def system(name: str) -> Actor:
    """Return the system actor that history shows as `name`, such as `cli` or `demo`."""
    return Actor(name, system=True)


NOBODY = Actor("nobody")
