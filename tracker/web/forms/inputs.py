"""WTForms fields that hand over raw text, lists of texts or texts by part, and judge nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from werkzeug.datastructures import FileStorage
from wtforms import Field

from tracker.core.items.files import LARGEST
from tracker.fields.base import Control, joined
from tracker.i18n import Message

MOST_RADIOS = 5
MOST_SELECT = 12

Choices = Sequence[tuple[str, str]]


class Input(Field):
    """One control that hands over one text.

    `look` names the macro that draws it; `shown` is what it shows, `raw` what was typed, and `sent` says
    whether the browser sent it at all.
    """

    def __init__(
        self,
        label: str = "",
        *,
        control: Control,
        look: str,
        help: str = "",  # noqa: A002 - the word of the definition
        choices: Choices = (),
        optional: bool = True,
        sealed: bool = False,
        own: bool = False,
        **rest: Any,
    ) -> None:
        super().__init__(label, **rest)
        self.own = own  # the item alone has this field
        self.control = control
        self.look = look
        self.help = help
        self.choices = list(choices)
        self.optional = optional
        self.sealed = sealed
        self.sent = False
        self.present = False  # it was on the page that was sent, filled or not
        self.kept = False  # a sealed value is stored, and an empty control leaves it
        self.cleared = False
        self.shown: Any = None
        self.raw: Any = None
        self.url = ""  # where a picker asks
        self.because: str = ""  # why a conditional field is asked for
        self.triggers = False  # others depend on it
        self.width = "full"
        self.errors: list[str] = []

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        """Take what is stored, and over it what the browser sent."""
        self.process_errors = []
        self.object_data = data
        if self.sealed:
            self.kept = data is not None
        else:
            self.shown = self.shape(data)
        if formdata is not None:
            self.take(formdata)
            self.present = self.sent
            if self.sealed:
                self._keep_or_clear(formdata)

    def shape(self, data: Any) -> Any:
        """Return what the control shows for a value's form text."""
        return "" if data is None or not isinstance(data, str) else data

    def take(self, formdata: Any) -> None:
        """Read what the browser sent."""
        texts = formdata.getlist(self.name)
        if texts:
            self.sent = True
            filled = [text for text in texts if text.strip()]
            self.raw = self.shown = filled[-1] if filled else ""

    def _keep_or_clear(self, formdata: Any) -> None:
        """Leave a sealed value as it is when its control is empty, unless the box to clear it is ticked."""
        self.cleared = bool(formdata.get(f"{self.name}.clear"))
        empty = not any(self.raw.values()) if isinstance(self.raw, Mapping) else not self.raw
        if self.cleared:
            self.sent, self.raw = True, ""
        elif empty and self.kept:
            self.sent = False

    @property
    def anchor(self) -> str:
        """The id that a link in the summary of errors leads to."""
        return self.id

    @property
    def described(self) -> str:
        """The ids of help and error, for `aria-describedby`."""
        ids = [f"{self.id}-help"] if self.help else []
        return " ".join([*ids, f"{self.id}-error"] if self.errors else ids)

    def refuse(self, messages: Sequence[Message]) -> None:
        """Put sentences beside the control."""
        self.errors = [*self.errors, *(str(message) for message in messages)]


class OneOf(Input):
    """One of a few choices, or nothing."""

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        super().process(formdata, data, extra_filters)
        held = self.shown or ""
        if held and held not in {key for key, _label in self.choices} and not self.url:
            self.choices.append((held, held))

    def held_as(self, key: str, label: str) -> None:
        """Offer what is held, too: a retired option stays until another is chosen."""
        self.choices = [pair for pair in self.choices if pair != (key, key)]
        if key not in {each for each, _label in self.choices}:
            self.choices.append((key, label))


class SeveralOf(OneOf):
    """Any number of choices."""

    def shape(self, data: Any) -> list[str]:
        if isinstance(data, str):
            return [data] if data else []
        return [str(each) for each in data or ()]

    def take(self, formdata: Any) -> None:
        texts = formdata.getlist(self.name)
        if texts:
            self.sent = True
            self.raw = self.shown = [text for text in texts if text.strip()]

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        Input.process(self, formdata, data, extra_filters)
        self.shown = self.shown or []


class Texts(Input):
    """Several texts in one control: a line each, or words between semicolons."""

    def shape(self, data: Any) -> str:
        if isinstance(data, str):
            return data
        separator = "; " if self.control.widget == "tags" else "\n"
        return joined((str(each) for each in data or ()), separator)


class Parts(Input):
    """A value in parts, each with a control of its own: `v.home.town`."""

    def shape(self, data: Any) -> dict[str, str]:
        return {name: str(data.get(name) or "") for name in data} if isinstance(data, Mapping) else {}

    def take(self, formdata: Any) -> None:
        found = {name: formdata.get(f"{self.name}.{name}") for name in self.control.parts}
        if any(text is not None for text in found.values()):
            self.sent = True
            self.raw = self.shown = {name: text or "" for name, text in found.items()}

    @property
    def parts(self) -> list[tuple[str, str, Control]]:
        """Name, label and control of each part; the country first, because the others follow from it."""
        order = sorted(self.control.parts, key=lambda name: name != "country")
        return [(name, str(self.control.parts[name][0]), self.control.parts[name][1]) for name in order]

    @property
    def anchor(self) -> str:
        return f"{self.id}.{self.parts[0][0]}" if self.parts else self.id


class Rows(OneOf):
    """Links with a role and dates: a row each, `v.board.0.id`, and an empty one at the end."""

    def shape(self, data: Any) -> list[dict[str, str]]:
        return [{name: str(text) for name, text in each.items()} for each in data or ()]

    def process(self, formdata: Any, data: Any = None, extra_filters: Any = None) -> None:
        Input.process(self, formdata, data, extra_filters)
        self.shown = [*(self.shown or ()), {}]

    def take(self, formdata: Any) -> None:
        form = re.compile(re.escape(self.name) + r"\.(\d{1,4})\.(id|role|since|until)")
        rows: dict[int, dict[str, str]] = {}
        for name, text in formdata.items(multi=True):
            if (found := form.fullmatch(name)) and text.strip():
                rows.setdefault(int(found[1]), {})[found[2]] = text.strip()
        if self.name in formdata or rows:
            self.sent = True
            self.raw = [rows[number] for number in sorted(rows)]
            self.shown = [dict(row) for row in self.raw]

    @property
    def anchor(self) -> str:
        return f"{self.id}.0.id"


class Upload(Input):
    """A file. What is stored stays unless another is chosen or the box to remove it is ticked; `shown` is its name."""

    chosen: Sequence[FileStorage] = ()
    remaining: tuple[int, ...] = ()  # of several files, the numbers of those that stay
    most = LARGEST >> 20  # megabytes

    def take(self, formdata: Any) -> None:
        """Take nothing: files come beside the texts of a form, in `choose`."""

    def choose(self, formdata: Any, files: Any) -> None:
        """Read which file came along, or that the stored one is to go."""
        self.kept = self.object_data is not None
        self.present = self.name in formdata or self.name in files
        self.cleared = bool(formdata.get(f"{self.name}.clear"))
        self.chosen = [each for each in files.getlist(self.name) if each.filename][:1]
        if not self.chosen and (self.cleared or not self.kept):
            self.sent, self.raw = self.present or self.cleared, ""


class Uploads(Upload):
    """Several files. Those that are stored stay unless their boxes are ticked; `shown` has numbers and names."""

    removed: frozenset[str] = frozenset()

    def shape(self, data: Any) -> Any:
        return [(each, f"#{each}") for each in data or ()]

    def choose(self, formdata: Any, files: Any) -> None:
        held = tuple(self.object_data or ())
        self.kept = bool(held)
        self.removed = frozenset(formdata.getlist(f"{self.name}.remove"))
        self.present = self.name in formdata or self.name in files
        self.chosen = [each for each in files.getlist(self.name) if each.filename]
        self.remaining = tuple(each for each in held if str(each) not in self.removed)
        if not self.chosen and (self.remaining != held or not held):
            self.sent, self.raw = self.present or self.kept, [str(each) for each in self.remaining]


LOOKS: Mapping[str, type[Input]] = {
    "radio": OneOf,
    "stars": OneOf,
    "select": OneOf,
    "picker": OneOf,
    "checks": SeveralOf,
    "pickers": SeveralOf,
    "rows": Rows,
    "lines": Texts,
    "tags": Texts,
    "parts": Parts,
    "file": Upload,
    "files": Uploads,
}


def look_of(control: Control, choices: Choices, *, rows: bool = False) -> str:
    """Return how a control looks: few choices as buttons, some as a list, many and trees as a picker."""
    if control.widget in ("choice", "box"):
        return (
            "radio" if len(choices) <= MOST_RADIOS else "select" if len(choices) <= MOST_SELECT else "picker"
        )
    if control.widget == "tree":
        return "select" if len(choices) <= MOST_SELECT else "picker"
    if control.widget == "choices":
        return "checks" if len(choices) <= MOST_SELECT else "pickers"
    if control.widget in ("item", "user", "group"):
        return "picker"
    if control.widget == "items":
        return "rows" if rows else "pickers"
    return control.widget
