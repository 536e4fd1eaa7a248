"""Forms: every type draws a control, what is typed is kept, and hidden fields are neither asked nor taken."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from ground import SYSTEM, field, tracker_def
from werkzeug.datastructures import MultiDict

from tracker.core.ask.page import get_item
from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.base import Control
from tracker.i18n import PLAIN, Reader
from tracker.web.forms.because import asked_because
from tracker.web.forms.form import ItemForm
from tracker.web.forms.inputs import look_of

SKIPPED = {"file", "files", "autonumber"}
WRITTEN = [cls for cls in BUILTIN if not (cls.computed or cls.layout) and cls.name not in SKIPPED]


@pytest.fixture
def form_of(web_app_context, web_ground):
    """Return a maker of forms over the furnished workspace's design, as the system."""

    def make(key="person", item_id=None, **sent):
        with web_ground.workspace.read(SYSTEM) as reading:
            tracker = web_ground.tracker(key)
            item = get_item(reading, tracker, item_id) if item_id else None
            formdata = MultiDict(
                [
                    (name, one)
                    for name, value in sent.items()
                    for one in ([value] if isinstance(value, str) else value)
                ]
            )
            return ItemForm(reading, tracker, item=item, formdata=formdata if sent else None)

    return make


@pytest.fixture
def web_app_context(app):
    with app.test_request_context("/"):
        yield


@pytest.mark.parametrize("cls", WRITTEN, ids=lambda cls: cls.name)
def test_every_type_comes_back_from_its_own_control_unchanged(cls, app, web_ground):
    raw = next(each for each in cls.good if each is not None)
    options = dict(cls.sample_options)
    if "to" in options:
        options["to"] = "household"
    web_ground.configure(tracker_def("trial", field("name"), field("it", cls.name, options=options)))
    tracker = web_ground.tracker("trial")
    targets = {"user": 1, "group": None, "item": 1}
    if cls.refers:
        web_ground.person("someone@example.org")
        group_id = web_ground.design().groups[0].id
        raw = group_id if cls.refers == "group" else targets[cls.refers]
        raw = [{"id": raw, "since": "2026-01-01"}] if cls.many else raw
    made = web_ground.create("trial", it=raw)
    with app.test_request_context("/"), web_ground.workspace.read(SYSTEM) as reading:
        item = get_item(reading, tracker, made)
        form = ItemForm(reading, tracker, item=item)
        sent = _as_sent(form.inputs["it"])
        again = ItemForm(reading, tracker, item=item, formdata=sent)
        judged = again.judged()
    if tracker.fields["it"].sealed:
        assert "it" not in judged
        return
    assert judged["it"] == item.values["it"]


def _as_sent(control):
    """Return what a browser sends for a control that nobody touched."""
    if control.look == "parts":
        return MultiDict(
            {f"{control.name}.{name}": control.shown.get(name, "") for name, _l, _c in control.parts}
        )
    if control.look == "rows":
        pairs = [
            (f"{control.name}.{n}.{part}", text)
            for n, row in enumerate(control.shown)
            for part, text in row.items()
        ]
        return MultiDict([(control.name, ""), *pairs])
    if isinstance(control.shown, list):
        return MultiDict([(control.name, ""), *((control.name, each) for each in control.shown)])
    return MultiDict({control.name: control.shown or ""})


def test_few_choices_are_buttons_some_a_list_many_a_picker():
    choice = Control("choice")
    looks = [look_of(choice, [("a", "A")] * number) for number in (2, 5, 6, 12, 13)]

    assert looks == ["radio", "radio", "select", "select", "picker"]


def test_a_sealed_value_is_never_on_the_page_and_stays_when_its_control_is_empty(form_of, web_ground):
    made = web_ground.create("person", name="Ada", secret_note="open sesame")
    form = form_of("person", made, **{"v.name": "Ada", "v.secret_note": ""})

    assert "secret_note" not in form.collected()
    assert form.inputs["secret_note"].kept
    cleared = form_of("person", made, **{"v.secret_note": "", "v.secret_note.clear": "1"})
    assert cleared.collected() == {"secret_note": ""}


def test_what_was_not_sent_is_not_touched(form_of, web_ground):
    made = web_ground.create("person", name="Ada", town="Wien", tags=["a"])

    assert form_of("person", made, **{"v.name": "Ida"}).judged() == {"name": "Ida"}
    assert form_of("person", made, **{"v.interests": ""}).judged() == {"interests": None}


def test_required_and_refused_fields_are_told_at_once(form_of):
    form = form_of("person", None, **{"v.name": "", "v.dues": "much", "v.emails": "ada@"})
    with pytest.raises(Invalid) as refusal:
        form.judged()
    form.refuse(refusal.value.fields)

    assert [fault.anchor for fault in form.faults] == ["v.name", "v.dues", "v.emails"]
    assert form.headline == "Nothing is saved yet. Three things to mend:"


def test_numbers_are_typed_and_shown_in_the_readers_dialect(app, web_ground):
    made = web_ground.create("person", name="Ada", share="1.50")
    actor = web_ground.person("de@example.org", "staff")
    german = type(actor)(actor.name, actor.user_id, reader=Reader("de_AT"))
    tracker = web_ground.tracker("person")
    with app.test_request_context("/"), web_ground.workspace.read(german) as reading:
        item = get_item(reading, tracker, made)
        assert ItemForm(reading, tracker, item=item).inputs["share"].shown == "1,50"
        sent = MultiDict({"v.share": "2,75", "v.paid_until": "24.11.2026"})
        judged = ItemForm(reading, tracker, item=item, formdata=sent).judged()
    assert (str(judged["share"]), str(judged["paid_until"])) == ("2.75", "2026-11-24")


def test_a_retired_option_still_held_can_be_kept(app, web_ground):
    options = {"choices": [{"key": "old", "label": "Old"}, {"key": "new", "label": "New"}]}
    web_ground.configure(tracker_def("trial", field("name"), field("it", "choice", options=options)))
    made = web_ground.create("trial", name="x", it="old")
    options["choices"][0]["retired"] = True
    before = web_ground.design().tracker("trial")
    changed = replace(
        before, fields=tuple(replace(f, options=options) if f.key == "it" else f for f in before.fields)
    )
    web_ground.configure(changed)
    tracker = web_ground.tracker("trial")
    with app.test_request_context("/"), web_ground.workspace.read(SYSTEM) as reading:
        held = ItemForm(reading, tracker, item=get_item(reading, tracker, made)).inputs["it"].choices
        fresh = ItemForm(reading, tracker).inputs["it"].choices
    assert dict(held) == {"new": "New", "old": "Old"}
    assert dict(fresh) == {"new": "New"}


def test_hidden_fields_are_ignored_and_say_why_when_they_are_asked(app, web_ground):
    conditional_options = {"choices": {"single": "Single", "household": "A household"}}
    web_ground.configure(
        tracker_def(
            "trial",
            field("name"),
            field("kind", "choice", options=conditional_options),
            field("with_whom", show_if="kind = 'household'", required=True),
        )
    )
    tracker = web_ground.tracker("trial")
    with app.test_request_context("/"), web_ground.workspace.read(SYSTEM) as reading:
        shut = ItemForm(reading, tracker, formdata=MultiDict({"v.kind": "single", "v.with_whom": "x"}))
        asked = ItemForm(reading, tracker, formdata=MultiDict({"v.kind": "household", "whole": "1"}))
    assert (shut.hidden, shut.collected()) == ({"with_whom"}, {"kind": "single"})
    assert asked.collected() == {"kind": "household", "with_whom": ""}
    assert asked.inputs["with_whom"].because == "Asked because Kind is A household"
    assert asked_because(tracker, tracker.fields["with_whom"], PLAIN)


def test_the_picker_names_only_what_the_actor_may_view(signed_in, web_ground):
    web_ground.create("household", name="Secret garden", town="Wien")
    staff, guest = signed_in("staff"), signed_in(email="nobody@example.org")

    found = staff.get("/t/household/pick?q=secret").json
    assert [(hit["text"], hit["note"]) for hit in found] == [("Secret garden", "Wien")]
    assert guest.get("/t/household/pick?q=secret").status_code == 404


def test_every_control_has_a_label_and_no_page_has_inline_code(staff, web_ground):
    page = staff.get("/t/person/new").text
    named = set(re.findall(r'<label[^>]* for="([^"]+)"', page))
    wrapped = re.sub(r"<label.*?</label>", "", page, flags=re.DOTALL)
    bare = [
        found
        for tag in re.findall(r"<(?:input|select|textarea)\b[^>]*>", wrapped)
        if 'type="hidden"' not in tag and "aria-label=" not in tag
        for found in [re.search(r'id="([^"]+)"', tag)]
        if not found or unescape(found[1]) not in named
    ]
    assert bare == []
    assert not re.search(r"\sstyle=|\son\w+=|<script>", page)
