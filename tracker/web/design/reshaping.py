"""A field split into new ones, or several joined into one: what fits is shown before, and long ones run as a job."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.base.transaction import Reading
from tracker.core.conversion import run
from tracker.core.conversion.preview import Preview, preview
from tracker.core.conversion.reshaping import MOST, NewField, Reshaping
from tracker.core.conversion.retyping import bound
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import FieldDef
from tracker.core.design.store import trackers
from tracker.errors import Invalid, TrackerError
from tracker.fields.base import FieldType, Kind
from tracker.fields.conversion import Ways, convertible
from tracker.fields.keys import key_for
from tracker.fields.numbers import Number
from tracker.fields.text import Paragraph
from tracker.i18n import _
from tracker.web.design import bp
from tracker.web.design.converting import DATES, FITS, can_be_parts, dialect_sent, is_long, made_words
from tracker.web.design.fields import ORDER
from tracker.web.design.saving import opened
from tracker.web.forms.typed import line
from tracker.web.toasts import toast

SEPARATORS = (
    ("space", _("A space"), " ", " "),  # name, words, what a text is split at, what joins texts
    ("comma", _("A comma"), ",", ", "),
    ("semicolon", _("A semicolon"), ";", "; "),
    ("dash", _("A dash"), "-", "-"),
    ("slash", _("A slash"), "/", "/"),
    ("line", _("A new line"), "\n", "\n"),
)
FEWEST = 3  # rows that are drawn for fields


@dataclass(frozen=True)
class Row:
    """A new field as it is typed."""

    name: str = ""
    type: str = "line"


class Draft:
    """A split or a join as an admin asks for it."""

    def __init__(self, reading: Reading, tracker: Tracker, field: BoundField, how: str) -> None:
        self.tracker, self.field, self.splits = tracker, field, how == "split"
        self.error = ""
        form = request.form
        self.rows = [Row(line(form.get(f"name.{n}")), form.get(f"type.{n}", "line")) for n in range(MOST)]
        self.sources = [form.get(f"source.{n}", "") for n in range(MOST)]
        if request.method != "POST":
            self.sources[0] = field.key
        self.between = form.get("between", "space")
        self.other = form.get("other", "")[:20]
        self.retire, self.zone = bool(form.get("retire")), reading.house.zone
        types = [reading.workspace.types.find(row.type) for row in self.rows if row.name]
        self.dating = any(cls and cls.kind in (Kind.DATE, Kind.DATETIME) for cls in types)
        self.pointing = any(cls and issubclass(cls, Number) for cls in types)
        self.cutting = any(cls and cls.kind is Kind.TEXT and not cls.many for cls in types)

    @property
    def drawn(self) -> int:
        """How many rows are drawn: those that are filled, and another one."""
        rows = [row.name for row in self.rows] if self.splits else self.sources
        filled = max((place for place, text in enumerate(rows, 1) if text), default=0)
        return min(max(filled + 1, FEWEST), MOST)

    @property
    def separator(self) -> str:
        """What stands between."""
        if self.between == "other":
            return self.other
        found = next((each for each in SEPARATORS if each[0] == self.between), SEPARATORS[0])
        return found[2] if self.splits else found[3]

    def asked(self) -> Reshaping:
        """Return what is asked for."""
        taken = set(self.tracker.all_fields)
        targets = []
        for row in self.rows if self.splits else self.rows[:1]:
            if row.name:
                key = key_for(row.name, taken=taken, prefix=self.tracker.key)
                taken.add(key)
                targets.append(NewField(key, row.name, row.type))
        sources = (self.field.key,) if self.splits else tuple(each for each in self.sources if each)
        ways = Ways(dialect=dialect_sent(self.zone), cutting=bool(request.form.get("cutting")))
        return Reshaping(self.tracker.key, sources, tuple(targets), self.separator, ways, retire=self.retire)


@bp.get("/<key>/fields/<name>/<any(split, join):how>")
def choose_parts(key: str, name: str, how: str) -> ResponseReturnValue:
    """Ask into which fields one is split, or with which it is joined."""
    reading, _design = opened()
    tracker = trackers(reading).get(key)
    return _page(reading, Draft(reading, tracker, tracker.field(name), how))


@bp.post("/<key>/fields/<name>/<any(split, join):how>")
def make_parts(key: str, name: str, how: str) -> ResponseReturnValue:
    """Show what a split or a join would do; once that was seen, do it, or have the worker do it."""
    reading, _design = opened()
    tracker = trackers(reading).get(key)
    draft = Draft(reading, tracker, tracker.field(name), how)
    try:
        asked = draft.asked()
        if request.form.get("do") == "change":
            return _made(reading, draft, asked)
        return _page(reading, draft, seen=preview(reading, asked))
    except TrackerError as error:
        fields = error.fields if isinstance(error, Invalid) else {}
        said = [str(message) for messages in fields.values() for message in messages]
        draft.error = " ".join(said) or str(error)
        return _page(reading, draft, status=error.status)


def _made(reading: Reading, draft: Draft, asked: Reshaping) -> ResponseReturnValue:
    key = draft.tracker.key
    if is_long(reading, key):
        number = run.begin(g.workspace, g.actor, asked, door="web", as_job=True)
        return redirect(url_for("design.show_change", key=key, name=asked.sources[0], number=number), 303)
    number = run.retype(g.workspace, g.actor, asked, door="web")
    toast(made_words([each.label for each in asked.targets]), undo=number)
    return redirect(url_for("design.show", key=key, _anchor=f"field-{asked.targets[0].key}"), 303)


def _types(reading: Reading) -> list[tuple[str, list[type[FieldType]]]]:
    """Return the types that a part can have, by heading: those that need no option."""
    found = [cls for cls in reading.workspace.types if cls.offered and _is_simple(reading, cls)]
    rank = {heading: place for place, heading in enumerate(ORDER)}
    found.sort(key=lambda cls: (rank.get(cls.group, len(ORDER)), cls.group))
    return [(heading, list(members)) for heading, members in groupby(found, key=lambda cls: cls.group)]


def _is_simple(reading: Reading, cls: type[FieldType]) -> bool:
    if not convertible(Paragraph(), cls):
        return False
    try:
        bound(reading, FieldDef(key="part", type=cls.name, label=""))
    except Invalid:
        return False
    return True


def _page(
    reading: Reading, draft: Draft, *, seen: Preview | None = None, status: int = 200
) -> ResponseReturnValue:
    others = [each for each in draft.tracker.fields.values() if can_be_parts(each)]
    page = render_template(
        "design/reshape.html",
        tracker=draft.tracker,
        field=draft.field,
        draft=draft,
        others=others,
        types=_types(reading),
        separators=SEPARATORS,
        dates=DATES,
        seen=seen,
        fits=FITS,
        form=request.form,
        doing=_("Split it") if draft.splits else _("Join them"),
    )
    return page, status
