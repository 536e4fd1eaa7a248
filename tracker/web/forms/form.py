"""The form of one item: inputs in sections, what is asked for, what was refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from tracker.core.access.rights import READ, editable, rights
from tracker.core.ask.rows import Held, Item
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField, Masked, Tracker
from tracker.core.design.own import is_own
from tracker.core.items.conditions import hidden_fields
from tracker.core.items.files import Landed, land
from tracker.errors import FieldMessages, Invalid
from tracker.fields.layout import Layout, led
from tracker.i18n import Message, _
from tracker.web.forms.because import asked_because, asked_by
from tracker.web.forms.dialect import dialect_of
from tracker.web.forms.inputs import Input, Parts, Upload
from tracker.web.forms.making import SHORT, country_choices, draws, form_data, make_input, offer
from tracker.web.forms.ownership import OwnershipChoice
from tracker.web.forms.typed import line

COUNTED = ("no", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True)
class Piece:
    """What stands between the inputs and asks for nothing: a heading, or words of help."""

    look: str
    label: str
    help: str
    body: Markup
    errors: tuple[str, ...] = ()


@dataclass
class Section:
    """Some inputs under one heading, which may be empty, with what stands between them."""

    title: str
    fields: list[Input | Piece] = field(default_factory=list)
    number: int = 0

    @property
    def faulty(self) -> bool:
        """Whether something in it has to be mended."""
        return any(each.errors for each in self.fields)


@dataclass(frozen=True)
class Fault:
    """One line of the summary: where it leads, and what it says."""

    anchor: str
    sentence: str


class ItemForm(BaseForm):
    """What a person may fill in of an item, named `v.<key>`.

    :param item: the stored item; None for a new one.
    :param values: what stands in it instead, as for a duplicate.
    :param own: the fields that a duplicate alone will have, with their values; a stored item brings its own.
    :param formdata: what the browser sent, or a prefilled address.
    :param files: what came along with it.
    """

    def __init__(
        self,
        reading: Reading,
        tracker: Tracker,
        *,
        item: Item | None = None,
        values: Mapping[str, Any] | None = None,
        own: Sequence[Held] = (),
        formdata: MultiDict[str, str] | None = None,
        files: MultiDict[str, FileStorage] | None = None,
    ) -> None:
        self.tracker, self.item = tracker, item
        held_alone = item.own if item else own
        self.own: dict[str, BoundField] = {each.field.key: each.field for each in held_alone}
        writable = [*editable(reading, tracker), *(each for each in self.own.values() if each.writable)]
        self.bound: dict[str, BoundField] = {each.key: each for each in writable if draws(each)}
        mine = rights(reading)
        self.laid_out = [
            each
            for each in tracker.laid_out
            if each.key in self.bound or (each.layout and mine.level(each) >= READ)
        ]
        self.laid_out += [each for key, each in self.own.items() if key in self.bound]
        super().__init__(
            {key: make_input(reading, each) for key, each in self.bound.items()},
            prefix="v.",
            meta=DefaultMeta(),
        )
        self.dialect = dialect_of(reading)
        self.stored: dict[str, Any] = item.all_values if item else {}
        held = dict(self.stored) if item else self._defaults()
        held |= {} if item else {each.field.key: each.value for each in own}
        held |= values or {}
        data = {key: form_data(each, held.get(key), self.dialect) for key, each in self.bound.items()}
        self.process(formdata, data=data)
        if formdata is not None:
            for upload in self._uploads():
                upload.choose(formdata, MultiDict() if files is None else files)
        for key, each in self.bound.items():
            offer(reading, self.inputs[key], each, held.get(key))
        self.countries = country_choices(reading) if any(isinstance(f, Parts) for f in self) else ()
        self.version = _whole(formdata.get("version")) if formdata is not None else None
        if self.version is None and item is not None:
            self.version = item.version
        self.reason = line(formdata.get("reason"), 500) if formdata is not None else ""
        self.whole = bool(formdata.get("whole")) if formdata is not None else False
        self.ownership = OwnershipChoice.of(reading, item, formdata)
        self.sentences: list[str] = []
        self._gone = _gone(formdata, self.bound)
        self._ask(reading, held)

    def __iter__(self) -> Any:
        return iter(self._fields.values())

    @property
    def inputs(self) -> dict[str, Input]:
        """The inputs by field key."""
        return self._fields  # type: ignore[return-value]

    @property
    def fields(self) -> dict[str, BoundField]:
        """All fields of the item by key, those too that it alone has."""
        return {**self.tracker.fields, **self.own}

    def _defaults(self) -> dict[str, Any]:
        found = {}
        for key, each in self.bound.items():
            try:
                found[key] = each.default()
            except Invalid:  # an old default that today's options refuse
                found[key] = None
        return found

    # -- what is asked for --------------------------------------------------------------------

    def _ask(self, reading: Reading, held: Mapping[str, Any]) -> None:
        """Find out which fields are asked for, given what is typed."""
        self.conditional = {key for key, each in self.bound.items() if each.definition.show_if}
        self.hidden: frozenset[str] = frozenset()
        for key in asked_by(self.tracker, self.bound):
            self.inputs[key].triggers = True
        if not any(each.definition.show_if for each in self.tracker.fields.values()):
            return
        values = {key: None if isinstance(value, Masked) else value for key, value in held.items()}
        for key, each in self.bound.items():
            if self.inputs[key].sent:
                values[key] = self._leniently(each, self.inputs[key].raw)
        item_id = self.item.id if self.item else None
        self.hidden = hidden_fields(reading, self.tracker, values, item_id=item_id)
        for key in self.conditional:
            self.inputs[key].because = asked_because(self.tracker, self.bound[key], reading.actor.reader)

    def _leniently(self, bound: BoundField, raw: Any) -> Any:
        try:
            return bound.type.collect(raw, self.dialect)
        except Invalid:
            return None

    # -- reading ------------------------------------------------------------------------------

    def collected(self) -> dict[str, Any]:
        """Return the raw values by key of the fields that were sent and are asked for."""
        raw = {key: each.raw for key, each in self.inputs.items() if each.sent and key not in self.hidden}
        if self.whole:  # a required field that only what was typed asks for was not on the page yet
            for key in self.conditional - self.hidden - raw.keys():
                each = self.bound[key]
                if each.definition.required and self.stored.get(key) is None:
                    raw[key] = ""
        return raw

    def judged(self) -> dict[str, Any]:
        """Return the judged values.

        :raises Invalid: with the sentences of every field that refused.
        """
        raw = self.collected()
        missing = {
            key: [_("Fill in %(label)s.", label=self.bound[key].label)]
            for key in raw
            if self.bound[key].definition.required and _is_blank(raw[key])
        }
        try:
            values = self.tracker.collect(raw, self.dialect, self.own)
        except Invalid as error:
            raise Invalid.of({**missing, **error.fields}) from error
        if missing:
            raise Invalid.of(missing)
        return values

    def refuse(self, fields: FieldMessages) -> None:
        """Put sentences beside their fields, and those of no field of this form on top."""
        for key, messages in fields.items():
            if key in self.inputs and key not in self.hidden:
                self.inputs[key].refuse(messages)
            else:
                self.sentences += [str(message) for message in messages]

    def refuse_gone(self) -> bool:
        """Say what was typed into fields of this item that were taken away meanwhile; return whether there is any."""
        self.sentences += [
            str(
                _(
                    "A field of this item was taken away meanwhile; “%(text)s” has nowhere to go. Copy it if you need it, and save again.",
                    text=text,
                )
            )
            for text in self._gone
        ]
        return bool(self._gone)

    # -- files --------------------------------------------------------------------------------

    def _uploads(self) -> list[Upload]:
        return [each for each in self.inputs.values() if isinstance(each, Upload)]

    @property
    def has_files(self) -> bool:
        """Whether the form asks for files, so that it must be sent in parts."""
        return bool(self._uploads())

    @property
    def chosen(self) -> dict[str, Sequence[FileStorage]]:
        """The files that came along for fields that are asked for, by key."""
        found = {each.short_name: each.chosen for each in self._uploads() if each.chosen}
        return {key: files for key, files in found.items() if key not in self.hidden}

    def land(self, workspace: Workspace) -> dict[str, list[Landed]]:
        """Write the files that came along to the disk and return what landed; no transaction is open.

        :raises Invalid: one is too large; the others stay on the disk, named by nobody, until they are swept.
        """
        landed: dict[str, list[Landed]] = {}
        refused: dict[str, list[Message]] = {}
        for key, files in self.chosen.items():
            try:
                landed[key] = [
                    land(
                        workspace,
                        each.filename or "",
                        each.stream,
                        media_type=each.mimetype,
                        sealed=self.bound[key].enclosed,
                    )
                    for each in files
                ]
            except Invalid as error:
                refused[key] = [error.message]
        if refused:
            raise Invalid.of(refused)
        return landed

    def ask_again(self) -> None:
        """Say beside each file that it has to be chosen once more: browsers keep none."""
        for key in self.chosen:
            if not self.inputs[key].errors:
                self.inputs[key].refuse([_("Choose the file once more; browsers do not keep it.")])

    # -- showing ------------------------------------------------------------------------------

    @property
    def faults(self) -> list[Fault]:
        """All that has to be mended, in the order of the page."""
        found = [Fault("", sentence) for sentence in self.sentences]
        for section in self.sections:
            for each in section.fields:
                if isinstance(each, Input):
                    found += [Fault(each.anchor, _named(str(each.label.text), text)) for text in each.errors]
        return found

    @property
    def headline(self) -> str:
        """What the summary of errors says first."""
        number = len(self.faults)
        count = COUNTED[number] if number < len(COUNTED) else str(number)
        return f"Nothing is saved yet. {count} thing{'' if number == 1 else 's'} to mend:"

    @property
    def sections(self) -> list[Section]:
        """The inputs under their headings, with short ones side by side."""
        by_title: dict[str, Section] = {}
        for each in self.laid_out:
            title = each.definition.section
            piece = self.inputs[each.key] if each.key in self.bound else _piece(each)
            by_title.setdefault(title, Section(title)).fields.append(piece)
        found = [
            section for section in by_title.values() if any(isinstance(one, Input) for one in section.fields)
        ]
        for number, section in enumerate(found):
            section.number = number
            section.fields = led(section.fields, lambda one: isinstance(one, Piece) and one.look == "heading")
            _pair(section.fields, self.conditional)
        return found


def _piece(bound: BoundField) -> Piece:
    assert isinstance(bound.type, Layout)
    return Piece(bound.type.name, bound.label, bound.definition.help, bound.type.body())


def _pair(fields: list[Input | Piece], conditional: set[str]) -> None:
    """Put short fields that follow each other side by side."""
    waiting: Input | None = None
    for each in fields:
        if isinstance(each, Piece):
            waiting = None
            continue
        each.width = "full"
        if each.look not in SHORT or each.short_name in conditional:
            waiting = None
        elif waiting is None:
            waiting = each
            each.width = "half" if each.look in ("date", "time", "moment", "number", "color") else "full"
        else:
            waiting.width = each.width = "half"
            waiting = None


def _gone(formdata: MultiDict[str, str] | None, bound: Mapping[str, BoundField]) -> list[str]:
    """Return what was typed into fields of one item that are not there."""
    sent = () if formdata is None else formdata.items(multi=True)
    keys = ((name.removeprefix("v."), text.strip()) for name, text in sent if name.startswith("v."))
    return [text for key, text in keys if text and is_own(key) and key.partition(".")[0] not in bound]


def _named(label: str, sentence: str) -> str:
    return sentence if label.lower() in sentence.lower() else f"{label}: {sentence}"


def _is_blank(raw: Any) -> bool:
    return not any(raw.values()) if isinstance(raw, Mapping) else not raw


def _whole(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and re.fullmatch(r"[0-9]{1,18}", text) else None
