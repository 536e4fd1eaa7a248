"""Groups: who is in them, which others they include, and what they may do, as a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace

from flask import g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from tracker.core.access import people
from tracker.core.base.transaction import Reading
from tracker.core.design.definitions import Design, FieldDef, GrantDef, GroupDef, TrackerDef
from tracker.core.design.store import trackers
from tracker.errors import TrackerError
from tracker.fields.keys import key_for
from tracker.i18n import _
from tracker.web.admin import bp
from tracker.web.design.saving import opened, save_design, version_text
from tracker.web.forms.typed import line, title_fault
from tracker.web.toasts import toast

ACTIONS = (
    ("view", "See"),
    ("create", "Add"),
    ("change", "Change"),
    ("trash", "Move to trash"),
    ("restore", "Put back"),
    ("lock", "Lock"),
    ("bulk", "Change many"),
    ("import", "Import"),
    ("export", "Export"),
)
SCOPES = (
    ("", "No"),
    ("all", "All"),
    ("own", "Own"),
    ("group", "Their group's"),
    ("own+group", "Own and their group's"),
)
LEANING = {  # what else a right may ask of the linked item, but that they see it
    "create": ("comment", "change"),
    "change": ("change",),
    "trash": ("change", "trash"),
    "restore": ("change", "restore"),
    "export": ("export",),
    "bulk": ("bulk",),
}
MAY = {"comment": "comment on", "trash": "move to the trash", "restore": "put back", "bulk": "change in bulk"}


@dataclass(frozen=True)
class Cell:
    """What a group may do in a tracker: the select of its scopes."""

    name: str
    label: str
    action: str
    chosen: str
    choices: tuple[tuple[str, str], ...]

    @property
    def words(self) -> str:
        """What is chosen, as people read it."""
        return dict(self.choices).get(self.chosen, "")


@bp.get("/groups")
def show_groups() -> ResponseReturnValue:
    """Show all groups with their members and rights, and the form to add one."""
    return _groups_page({})


@bp.post("/groups")
def add_group() -> ResponseReturnValue:
    """Add a group and go to its page."""
    _reading, design = opened()
    title = line(request.form.get("title"))
    if not title:
        return _groups_page({"title": ["Give the group a title, such as Staff."]}, status=422)
    if fault := title_fault(request.form.get("title"), [group.title for group in design.groups], "group"):
        return _groups_page({"title": [fault]}, status=422)
    key = key_for(title, taken={group.key for group in design.groups}, prefix="group", reserved=())
    try:
        done = save_design(design, design.with_(GroupDef(key=key, title=title)))
    except TrackerError as error:
        return _groups_page({"title": [str(error)]}, status=error.status)
    toast(_("The group “%(title)s” is there.", title=title), undo=done)
    return redirect(url_for("admin.show_group", key=key), 303)


@bp.get("/groups/<key>")
def show_group(key: str) -> ResponseReturnValue:
    """Show a group: title, included groups, members, and the matrix of its rights."""
    _reading, design = opened()
    return _group_page(design.group(key), design, {})


@bp.post("/groups/<key>")
def save_group(key: str) -> ResponseReturnValue:
    """Save title, included groups and rights of a group."""
    _reading, design = opened()
    held = design.group(key)
    title = line(request.form.get("title"))
    known = {group.key for group in design.groups} - _with_all_above(design, key)
    made = replace(
        held,
        title=title,
        help=line(request.form.get("help"), 1000),
        includes=tuple(each for each in request.form.getlist("includes") if each in known),
        grants=_granted(held, design),
    )
    others = [group.title for group in design.groups if group.key != key]
    fault = title_fault(request.form.get("title"), others, "group")
    errors = {"title": [fault or "Give the group a title, such as Staff."]}
    if fault or not title:
        return _group_page(made, design, errors, status=422)
    try:
        done = save_design(design, design.with_(made))
    except TrackerError as error:
        now: Reading = g.reading()
        return _group_page(made, trackers(now).design, {"": [str(error)]}, status=error.status)
    toast(_("Saved. It holds from their next click.") if done else _("Nothing was changed."), undo=done)
    return redirect(url_for("admin.show_group", key=key), 303)


def _granted(held: GroupDef, design: Design) -> tuple[GrantDef, ...]:
    """Return the grants as chosen in the matrix; what it does not show stays as it is."""
    by_key = {grant.key: grant for grant in held.grants}
    found: dict[str, GrantDef] = dict(by_key)
    for tracker in ["*", *(each.key for each in design.trackers)]:
        for action, _label in ACTIONS:
            key = f"{tracker}:{action}"
            chosen = request.form.get(f"g.{tracker}.{action}")
            if chosen is None or chosen == _text(by_key.get(key)):
                continue
            found.pop(key, None)
            offered = {value for value, _words in _choices(design, tracker, action, None)}
            if chosen and chosen in offered:
                scopes = tuple(chosen.split("+"))
                found[key] = (
                    replace(by_key[key], scopes=scopes) if key in by_key else GrantDef(key=key, scopes=scopes)
                )
    return tuple(found.values())


def _text(grant: GrantDef | None) -> str:
    return "+".join(grant.scopes) if grant else ""


def _choices(
    design: Design, tracker: str, action: str, grant: GrantDef | None
) -> tuple[tuple[str, str], ...]:
    found = list(SCOPES)
    for each in design.tracker(tracker).fields if tracker != "*" else ():
        if not each.retired and _is_link(each):
            found.append((f"linked:{each.key}", f"With {_leaning(each.label, '')}"))
            found += [
                (f"linked:{each.key}:{more}", f"With {_leaning(each.label, more)}")
                for more in LEANING.get(action, ())
            ]
    held = _text(grant)
    if held and held not in {value for value, _words in found}:
        found.append((held, in_words(grant.scopes if grant else ())))
    return tuple(found)


def in_words(scopes: tuple[str, ...]) -> str:
    """Return scopes as people read them."""
    known = dict(SCOPES)
    parts = []
    for scope in scopes:
        kind, _colon, rest = scope.partition(":")
        key, _colon, action = rest.partition(":")
        words = {"where": f"where {rest}", "linked": f"with {_leaning(key, action)}"}
        parts.append(words.get(kind) or known.get(scope, scope))
    return ", and ".join(parts)


def _leaning(name: str, action: str) -> str:
    return f"a {name} they {f'may {MAY.get(action, action)}' if action else 'see'}"


def _is_link(field: FieldDef) -> bool:
    cls = g.workspace.types.find(field.type)
    return cls is not None and (cls.name in ("link", "links") or cls.to_any is not None)


def matrix(group: GroupDef, design: Design) -> list[tuple[str, list[Cell]]]:
    """Return the rows of the matrix: every tracker, and all of them at once."""
    grants = {grant.key: grant for grant in group.grants}
    rows: list[tuple[str, str]] = [
        ("*", "Every tracker"),
        *((each.key, each.title) for each in _live(design)),
    ]
    return [
        (
            title,
            [
                Cell(
                    f"g.{key}.{action}",
                    f"{title}: {label}",
                    label,
                    _text(grants.get(f"{key}:{action}")),
                    _choices(design, key, action, grants.get(f"{key}:{action}")),
                )
                for action, label in ACTIONS
            ],
        )
        for key, title in rows
    ]


def _with_all_above(design: Design, key: str) -> set[str]:
    """Return a group with all that include it, directly or not: none of them can be included in turn."""
    found = {key}
    while more := {each.key for each in design.groups if found.intersection(each.includes)} - found:
        found |= more
    return found


def _live(design: Design) -> list[TrackerDef]:
    return sorted(
        (each for each in design.trackers if not each.retired), key=lambda each: (each.position, each.id)
    )


def _members(reading: Reading) -> dict[str, list[people.Person]]:
    found: dict[str, list[people.Person]] = {}
    for each in people.people(reading):
        for key in each.groups:
            found.setdefault(key, []).append(each)
    return found


def _groups_page(errors: dict[str, list[str]], *, status: int = 200) -> ResponseReturnValue:
    reading, design = opened()
    titles = {each.key: each.title for each in design.trackers} | {"*": "every tracker"}
    words = dict(ACTIONS)
    told = {
        group.key: [
            f"{words.get(grant.action, grant.action)} {titles.get(grant.tracker, grant.tracker)}: {in_words(grant.scopes)}"
            for grant in group.grants
        ]
        for group in design.groups
    }
    page = render_template(
        "admin/groups.html",
        groups=design.groups,
        members=_members(reading),
        told=told,
        names={group.key: group.title for group in design.groups},
        errors=errors,
        base=version_text(design),
    )
    return page, status


def _group_page(
    group: GroupDef, design: Design, errors: dict[str, list[str]], *, status: int = 200
) -> ResponseReturnValue:
    reading: Reading = g.reading()
    page = render_template(
        "admin/group.html",
        group=group,
        others=[each for each in design.groups if each.key not in _with_all_above(design, group.key)],
        members=_members(reading).get(group.key, []),
        actions=ACTIONS,
        rows=matrix(group, design),
        errors=errors,
        base=version_text(design),
    )
    return page, status
