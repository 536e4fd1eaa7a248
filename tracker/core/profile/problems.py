"""What is wrong with a profile: sentences with their places in the file, gathered up to a limit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tracker.errors import TrackerError, nearest
from tracker.i18n import Message, _

MOST_PROBLEMS = 20


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and where."""

    place: Place
    message: Message

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ProfileError(TrackerError):
    """A profile that cannot be read, or does not fit; one line for each problem."""

    code, status = "profile", 422

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda each: each.place))
        super().__init__(_("%(lines)s", lines="\n".join(map(str, self.problems))))


class Problems:
    """Gathers problems, so that a file is corrected in one go."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, place: Place, message: Message) -> None:
        """Note a problem; a place that has one is not blamed twice.

        :raises ProfileError: there are enough of them.
        """
        if all(each.place != place for each in self._found):
            self._found.append(Problem(place, message))
        if len(self._found) >= MOST_PROBLEMS:
            self.check()

    def check(self) -> None:
        """Go on only if nothing is wrong so far.

        :raises ProfileError: something is.
        """
        if self._found:
            raise ProfileError(self._found)

    def __bool__(self) -> bool:
        return bool(self._found)


def hint(name: str, known: Iterable[str]) -> Message:
    """Return the question whether a near name was meant; empty when none is near."""
    near = nearest(name[:100], known)
    return _(" Did you mean “%(near)s”?", near=near) if near else _("")
