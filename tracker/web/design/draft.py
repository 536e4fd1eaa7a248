"""A field as an admin types it: read from a form, judged, and made into a definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import marshmallow
from werkzeug.datastructures import MultiDict
from wtforms.form import BaseForm
from wtforms.meta import DefaultMeta

from tracker.core.base.transaction import Reading
from tracker.core.design.bound import BoundField, Trackers
from tracker.core.design.definitions import LEVELS, Design, FieldDef, TrackerDef
from tracker.core.language.computed import computed_kind
from tracker.core.language.expression import check_condition, check_expression
from tracker.errors import Invalid, TrackerError, Unknown
from tracker.fields.base import FieldType
from tracker.fields.choices import Status
from tracker.fields.keys import key_for
from tracker.web.design import trees
from tracker.web.design.effects import held
from tracker.web.design.options import OptionsForm
from tracker.web.forms.dialect import dialect_of
from tracker.web.forms.inputs import Input
from tracker.web.forms.making import draws, form_data, make_input, offer
from tracker.web.forms.typed import LONGEST_TITLE, line, lines

Errors = dict[str, list[str]]


class FieldDraft:
    """A field that is being added (`before` is None) or changed, with everything typed and refused."""

    def __init__(
        self,
        reading: Reading,
        design: Design,
        tracker: TrackerDef,
        cls: type[FieldType],
        *,
        before: FieldDef | None = None,
        sent: MultiDict[str, str] | None = None,
    ) -> None:
        self.reading, self.design, self.tracker, self.cls, self.before = reading, design, tracker, cls, before
        self.errors: Errors = {}
        self.sent = sent is not None
        self.sealable = cls.encryptable and not getattr(cls, "always_encrypted", False)
        self.findable = not cls.encloses  # by its exact value, once it is sealed
        self.always_sealed = bool(getattr(cls, "always_encrypted", False))
        self.options = OptionsForm(
            cls, design, tracker.key, stored=before.options if before else {}, sent=sent
        )
        if before is not None and sent is not None:
            self._keep_used(before)
        start = before or FieldDef(key="", type=cls.name, label="")
        self.field = start if sent is None else self._typed(start, sent)
        self.default: Input | None = None
        self.preview: Input | None = None
        if self.options.valid:
            self._add_controls(sent)
        if sent is not None:
            self._judge()

    def _keep_used(self, before: FieldDef) -> None:
        """Retire the options that were taken out but are in use somewhere: what is stored keeps its label."""
        old = {
            each.name: each.value
            for each in OptionsForm(self.cls, self.design, self.tracker.key, stored=before.options).inputs
        }
        for each in self.options.inputs:
            if each.look == "tree" and each.value:
                used = self._used(before, old.get(each.name) or (), {row.key for row in each.value})
                each.value = trees.with_retired(each.value, old.get(each.name) or (), used)
            if each.look in ("rows", "states") and each.value:
                there = {row["key"] for row in each.value}
                gone = [row for row in old.get(each.name) or () if row["key"] not in there]
                each.value += [
                    {**row, "retired": True}
                    for row in gone
                    if held(self.reading, self.tracker.key, before.key, "any_of", row["key"]) != 0
                ]
        self.options.load()

    def _used(self, before: FieldDef, old: Iterable[trees.Line], there: set[str]) -> set[str]:
        """Return the keys of the nodes that were taken out, and that some item has, or a node below them."""
        gone = (row.key for row in old if row.key not in there)
        return {key for key in gone if held(self.reading, self.tracker.key, before.key, "any_of", key) != 0}

    # -- reading ------------------------------------------------------------------------------

    def _typed(self, start: FieldDef, sent: MultiDict[str, str]) -> FieldDef:
        label = line(sent.get("label"))
        taken = {each.key for each in self.tracker.fields}
        key = start.key or key_for(label, taken=taken, prefix=self.tracker.key)
        storing = not (self.cls.computed or self.cls.generated or self.cls.layout)
        sealed = start.encrypted if self.before else bool(sent.get("encrypted")) and self.sealable
        return replace(
            start,
            key=key,
            label=label,
            help=line(sent.get("help"), 1000),
            section=line(sent.get("section"), 100),
            options=self.options.options,
            required=storing and bool(sent.get("required")),
            unique=bool(sent.get("unique")) and (self.cls.uniqueable or sealed or self.always_sealed),
            indexed=bool(sent.get("indexed"))
            and self.cls.sortable
            and not (sealed or self.cls.computed or self.cls.layout),
            encrypted=sealed,
            search="exact" if sent.get("exact") and self.findable and (sealed or self.always_sealed) else "",
            show_if=lines(sent.get("show_if"), 5000) if storing else "",
            grants=self._grants(start, sent),
            default_level=str(sent.get("default_level", "")),
        )

    def _grants(self, start: FieldDef, sent: MultiDict[str, str]) -> dict[str, tuple[str, ...]]:
        if "rights" not in sent:
            return dict(start.grants)
        found: dict[str, list[str]] = {}
        for group in self.design.groups:
            level = sent.get(f"level.{group.key}", "")
            if level in LEVELS:
                found.setdefault(level, []).append(group.key)
            if sent.get(f"reveal.{group.key}"):
                found.setdefault("reveal", []).append(group.key)
        return {name: tuple(keys) for name, keys in found.items()}

    # -- controls -----------------------------------------------------------------------------

    def _add_controls(self, sent: MultiDict[str, str] | None) -> None:
        """Make the control of the default, and the one that shows how the field looks in a form."""
        # A default stands in the design in the clear, so a sealed field has none.
        shown = replace(
            self.field, key="default", label=self.field.label or str(self.cls.label), grants={}, default=None
        )
        try:
            self.bound = BoundField(shown, self.reading.workspace.types)
        except marshmallow.ValidationError:
            return
        if self.bound.computed or self.bound.generated or not draws(self.bound):
            return
        self.preview = self._control("preview.", None, None)
        no_default = self.bound.type.control().widget in ("items", "file", "files")
        if self.bound.sealed or no_default or issubclass(self.cls, Status):
            return
        held = None
        if self.field.default is not None:
            try:
                held = self.bound.type.judge(self.field.default)
            except Invalid as error:
                self.errors["default"] = [str(error)]
        self.default = self._control("d.", sent, held)
        self.default.optional, self.default.help = True, ""
        self.default.label.text = "What a new one starts with"
        if sent is not None and self.default.sent:
            self._take_default()

    def _control(self, prefix: str, sent: MultiDict[str, str] | None, held: Any) -> Input:
        dialect = dialect_of(self.reading)
        form = BaseForm({"default": make_input(self.reading, self.bound)}, prefix=prefix, meta=DefaultMeta())
        form.process(sent, data={"default": form_data(self.bound, held, dialect)})
        made: Input = form._fields["default"]  # type: ignore[assignment]
        offer(self.reading, made, self.bound, held)
        return made

    def _take_default(self) -> None:
        assert self.default is not None
        try:
            value = self.bound.type.collect(self.default.raw, dialect_of(self.reading))
        except Invalid as error:
            self.default.refuse([error.message])
            self.errors["default"] = [str(error)]
            return
        self.field = replace(self.field, default=None if value is None else self.bound.type.to_json(value))

    # -- judging ------------------------------------------------------------------------------

    def _judge(self) -> None:
        if not self.field.label:
            self.errors["label"] = ["Give the field a name, as people will read it."]
        elif len(self.field.label) > LONGEST_TITLE:
            self.errors["label"] = [f"Take at most {LONGEST_TITLE} letters."]
        if any(self.field.grants.get("reveal", ())) and not (self.field.encrypted or self.always_sealed):
            self.field = replace(
                self.field, grants={k: v for k, v in self.field.grants.items() if k != "reveal"}
            )
        if self.options.valid and self.field.label:
            self._check_expressions()

    def _check_expressions(self) -> None:
        bound = Trackers.bind(self.new_design, self.reading.workspace.types)
        tracker = bound.by_key[self.tracker.key]
        formula = str(self.options.options.get("expression", ""))
        texts = (("show_if", self.field.show_if, check_condition), ("expression", formula, check_expression))
        for name, text, check in texts:
            try:
                if text:
                    check(text, tracker, bound)
            except TrackerError as error:
                self._refuse(name, str(error))
        if self.cls.name in ("lookup", "count", "rollup"):
            self._check_linked(bound)

    def _check_linked(self, bound: Trackers) -> None:
        """Refuse a field or a condition that those that are linked do not have, and what cannot be computed."""
        tracker, given = bound.by_key[self.tracker.key], self.options.options
        other = bound.by_key.get(self._leading_to(str(given.get("of") or given.get("link") or "")))
        name, where = str(given.get("field") or ""), str(given.get("where") or "")
        if other is not None and name and name not in other.fields:
            self._refuse("field", str(Unknown("field", name, other.fields)))
            return
        try:
            if other is not None and where:
                check_condition(where, other, bound)
        except TrackerError as error:
            self._refuse("where", str(error))
            return
        if computed_kind(tracker.fields[self.field.key], bound) is None:
            self._refuse("field" if name else "of", "This cannot be computed.")

    def _leading_to(self, path: str) -> str:
        """Return the key of the tracker whose items a link of this tracker, or one that leads here, is about."""
        key, dot, _link = path.partition(".")
        if dot:
            return key
        link = next((each for each in self.tracker.fields if each.key == key), None)
        if link is None:
            return ""
        return str(link.options.get("from", "")).partition(".")[0] or str(link.options.get("to", ""))

    def _refuse(self, name: str, sentence: str) -> None:
        option = next((each for each in self.options.inputs if each.name == name), None)
        if option is not None:
            option.errors.append(sentence)
        else:
            self.errors.setdefault(name, []).append(sentence)

    @property
    def faults(self) -> list[tuple[str, str]]:
        """All that has to be mended: where it is, and the sentence."""
        if not self.sent:
            return []
        anchors = {"default": self.default.anchor if self.default else "", "": ""}
        found = [(anchors.get(name, name), text) for name, texts in self.errors.items() for text in texts]
        found += [(each.id, f"{each.label}: {text}") for each in self.options.inputs for text in each.errors]
        if not self.options.valid and not found:
            found.append(("", "Some options are missing."))
        return found

    @property
    def new_design(self) -> Design:
        """The design with this field in it."""
        others = tuple(each for each in self.tracker.fields if each.key != self.field.key)
        made = self.field
        if self.before is None:
            made = replace(made, position=max([each.position for each in others], default=-1) + 1)
            fields = (*others, made)
        else:
            fields = tuple(made if each.key == made.key else each for each in self.tracker.fields)
        return self.design.with_(replace(self.tracker, fields=fields))
