"""The design in the browser: only for admins, shown before it is saved, and never over somebody else's."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from ground import SYSTEM, field, tracker_def

from tracker.core.design.definitions import FieldDef
from tracker.fields import BUILTIN
from tracker.fields.categories import NodeTree
from tracker.fields.choices import StateList
from tracker.fields.options import OptionList

PERSON = "/admin/trackers/person"


def words(page) -> str:
    main = page.text.partition('<main class="tk-main"')[2].partition("</main>")[0] or page.text
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", main)).split())


def hidden(page, name) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.text)
    return found[1] if found else ""


def confirmed(browser, address, sent):
    """Send a draft, look at its plan, and confirm it as a person would."""
    plan = browser.post(address, sent)
    assert plan.status_code == 200, words(plan)
    return browser.post(
        address, {**sent, "do": "save", "planned": hidden(plan, "planned"), "base": hidden(plan, "base")}
    )


def new_field(type_):
    return f"{PERSON}/fields/new?type={type_}"


@pytest.mark.parametrize("address", ["", "/new", "/person", "/person/fields/new", "/person/fields/town"])
def test_the_design_is_for_admins_only(staff, address):
    assert staff.get(f"/admin/trackers{address or '/'}").status_code == 403
    if address:
        assert staff.post(f"/admin/trackers{address}", {"title": "x", "label": "x"}).status_code in (403, 405)


def test_the_gallery_has_every_type_with_what_it_is_for(admin):
    page = words(admin.get(f"{PERSON}/fields/new"))

    for cls in BUILTIN:
        assert str(cls.label) in page
        assert str(cls.about) in page


def test_a_field_shows_its_plan_before_it_is_there(admin, web_ground):
    sent = {"label": "Shoe size", "o.min": "20", "required": "1"}
    plan = admin.post(new_field("integer"), sent)

    assert "shoe_size" not in web_ground.tracker("person").fields
    assert "Add the field “Shoe size” (whole number) in People" in words(plan)
    assert "12 people get it, and it is empty there" in words(plan)
    assert "Add field" in words(plan)
    answer = confirmed(admin, new_field("integer"), sent)
    assert answer.status_code == 303
    made = web_ground.tracker("person").fields["shoe_size"]
    assert (made.label, made.definition.required, made.definition.options["min"]) == ("Shoe size", True, 20)
    assert 'name="v.shoe_size"' in admin.get("/t/person/new").text


def test_the_plan_as_a_fragment_changes_nothing(admin, web_ground):
    headers = {"HX-Request-Type": "partial"}
    sent = {"label": "Hobby", "o.choices.0.label": "Chess", "do": "save", "planned": "x"}
    page = admin.post(new_field("choice"), sent, headers=headers)

    assert "<!doctype" not in page.text
    assert "Add the field “Hobby”" in words(page)
    assert "Chess" in page.text
    assert "hobby" not in web_ground.tracker("person").fields


@pytest.mark.parametrize(
    "title", ["名前", "Process", "version", "2nd name", "Straße & Ort!", "😀", "x" * 120, "<b>'\"{{7*7}}</b>"]
)
def test_any_title_gives_a_safe_key(admin, web_ground, title):
    assert confirmed(admin, new_field("line"), {"label": title}).status_code == 303
    page = admin.get("/t/person/new")

    assert page.status_code == 200
    assert "<b>'" not in page.text
    assert admin.post("/t/person/new", {"v.name": "Ada"}).status_code == 303


def options_for(cls):
    """Return what an admin would fill in for a type that needs it."""
    filled = {
        "o.to": "household",
        "o.from": "person.friends",
        "o.link": "household",
        "o.field": "town",
        "o.of": "friends",
        "o.text": "Ask *first*.",
        "o.expression": "age * 2",
    }
    sent = {}
    for name, each in cls.Options().fields.items():
        key = f"o.{each.data_key or name}"
        if isinstance(each, (OptionList, StateList)):
            sent[f"{key}.0.label"] = "First"
        elif isinstance(each, NodeTree):
            sent[key] = "Health\n  Hospitals"
        elif key in filled and (each.required or key == "o.field"):
            sent[key] = filled[key]
    if cls.name == "rollup":
        sent["o.field"] = "age"
    return sent


@pytest.mark.parametrize("cls", BUILTIN, ids=lambda cls: cls.name)
def test_every_type_can_be_added_and_changed_in_the_browser(admin, web_ground, cls):
    sent = {"label": f"A {cls.name} field", "help": "Help", **options_for(cls)}
    assert confirmed(admin, new_field(cls.name), sent).status_code == 303
    key = next(each for each in web_ground.tracker("person").all_fields if each.startswith("a_"))
    address = f"{PERSON}/fields/{key}"
    assert admin.get(address).status_code == 200
    assert admin.get("/t/person/1").status_code == 200
    assert admin.get("/t/person/1/edit").status_code == 200


@pytest.mark.parametrize(
    ("type_", "option", "near"),
    [("back_links", "from", "person.household"), ("count", "of", "people"), ("rollup", "of", "people")],
)
def test_links_from_elsewhere_are_chosen_and_a_wrong_one_is_refused(admin, web_ground, type_, option, near):
    address = f"/admin/trackers/household/fields/new?type={type_}"
    wrong = "person.househol" if option == "from" else "peopel"
    choices = re.search(rf'name="o.{option}".*?</select>', admin.get(address).text, re.DOTALL)[0]
    sent = {"label": "Mine", f"o.{option}": wrong, "o.how": "count", "do": "plan"}
    answer = admin.post(address, sent)

    assert f'value="{near}"' in choices
    assert answer.status_code == 422
    assert f"There is no link “{wrong}”. Did you mean “{near}”?" in words(answer)
    assert "mine" not in web_ground.tracker("household").fields


def test_a_rollup_over_a_field_that_is_not_there_is_refused(admin):
    sent = {"label": "Mine", "o.of": "people", "o.field": "deus", "o.how": "sum"}
    answer = admin.post("/admin/trackers/household/fields/new?type=rollup", sent)

    assert answer.status_code == 422
    assert "Did you mean “dues”" in words(answer)


def test_what_is_wrong_is_told_at_its_input_and_kept(admin):
    page = admin.post(
        new_field("integer"), {"label": "", "o.min": "many", "o.max": "1", "show_if": "nothing = 1"}
    )

    assert page.status_code == 422
    assert 'id="label-error"' in page.text
    assert 'id="o.min-error"' in page.text
    assert 'value="many"' in page.text
    assert 'value="nothing = 1"' in page.text
    wrong = admin.post(new_field("line"), {"label": "Extra", "show_if": "nothing = 1"})
    assert wrong.status_code == 422
    assert 'id="show_if-error"' in wrong.text


def test_two_admins_at_once_the_second_is_told_and_keeps_what_was_typed(admin, web_ground):
    sent = {"label": "Hobby", "help": "What they like"}
    plan = admin.post(new_field("line"), sent)
    web_ground.configure(replace(web_ground.design().tracker("household"), help="Changed meanwhile"))
    late = {**sent, "do": "save", "planned": hidden(plan, "planned"), "base": hidden(plan, "base")}
    second = admin.post(new_field("line"), late)

    assert second.status_code == 409
    assert "Someone else changed the design meanwhile" in words(second)
    assert 'value="Hobby"' in second.text
    assert 'value="What they like"' in second.text
    again = {**sent, "do": "save", "planned": hidden(second, "planned"), "base": hidden(second, "base")}
    assert admin.post(new_field("line"), again).status_code == 303


def test_choices_are_typed_as_rows_or_pasted_as_a_list(admin, web_ground):
    sent = {
        "label": "Hobby",
        "o.choices.0.label": "Chess",
        "o.choices.0.color": "green",
        "o.choices.more": "Go\nchess\nBridge",
    }
    assert confirmed(admin, new_field("choice"), sent).status_code == 303
    rows = web_ground.tracker("person").fields["hobby"].type.options.choices

    assert [(row.key, row.label, row.color) for row in rows][:1] == [("chess", "Chess", "green")]
    assert [row.label for row in rows] == ["Chess", "Go", "Bridge"]


def test_retiring_an_option_counts_who_has_it(admin):
    sent = {
        "label": "Kind",
        "o.choices.0.label": "Single", "o.choices.0.key": "single", "o.choices.0.color": "blue", "o.choices.0.retired": "1",
        "o.choices.1.label": "Household", "o.choices.1.key": "household", "o.choices.1.color": "violet",
    }  # fmt: skip
    plan = words(admin.post(f"{PERSON}/fields/kind", sent))

    assert "“Single” is not offered any more. 4 people have it, and keep it." in plan
    assert "“Reduced” is not offered any more. 4 people have it, and keep it." in plan
    assert confirmed(admin, f"{PERSON}/fields/kind", sent).status_code == 303
    assert "Reduced" in admin.get("/t/person/3").text


def test_steps_of_a_status_and_an_end_are_kept(admin, web_ground):
    base = "o.states"
    sent = {"label": "Status", f"{base}.0.label": "Active", f"{base}.0.key": "active", f"{base}.0.color": "green",
            f"{base}.0.rules": "1", f"{base}.0.to": ["ended"], f"{base}.0.who": ["treasurer"],
            f"{base}.1.label": "Ended", f"{base}.1.key": "ended", f"{base}.1.color": "grey", f"{base}.1.rules": "1", f"{base}.1.to": ["."],
            "o.initial": "active"}  # fmt: skip
    assert confirmed(admin, f"{PERSON}/fields/status", sent).status_code == 303
    states = web_ground.tracker("person").fields["status"].type.options.states

    assert [(each.key, each.to, sorted(each.who)) for each in states if not each.retired] == [
        ("active", ("ended",), ["treasurer"]),
        ("ended", (), []),
    ]


def test_rights_of_a_field_are_set_by_group(admin, web_ground, signed_in):
    sent = {"label": "Town", "rights": "1", "level.treasurer": "edit", "default_level": "read"}
    plan = admin.post(f"{PERSON}/fields/town", sent)
    assert "It is changed by Treasurer. For all others it is to be read." in words(plan)
    assert confirmed(admin, f"{PERSON}/fields/town", sent).status_code == 303

    assert dict(web_ground.tracker("person").fields["town"].definition.grants) == {"edit": ("treasurer",)}
    assert 'name="v.town"' not in signed_in("staff").get("/t/person/new").text


def test_a_default_is_judged_by_its_type_and_used(admin, web_ground):
    wrong = admin.post(new_field("date"), {"label": "Day", "d.default": "soon"})
    assert wrong.status_code == 422
    assert 'id="d.default-error"' in wrong.text
    assert confirmed(admin, new_field("date"), {"label": "Day", "d.default": "2026-11-24"}).status_code == 303
    assert web_ground.tracker("person").fields["day"].definition.default == "2026-11-24"
    assert 'value="2026-11-24"' in admin.get("/t/person/new").text


def test_retiring_keeps_values_and_bringing_back_shows_them_again(admin, web_ground):
    web_ground.create("person", name="Ada", town="Wien")
    assert admin.post(f"{PERSON}/fields/town/retire").status_code == 303
    assert "Wien" not in admin.get("/t/person/13").text
    assert admin.post(f"{PERSON}/fields/town/retire").status_code == 303
    assert "Wien" in admin.get("/t/person/13").text


def test_fields_move_up_and_down_and_stop_at_the_ends(admin, web_ground):
    def order():
        return list(web_ground.tracker("person").fields)[:3]

    before = order()
    admin.post(f"{PERSON}/fields/{before[0]}/move", {"to": "down"})
    assert order() == [before[1], before[0], before[2]]
    admin.post(f"{PERSON}/fields/{before[1]}/move", {"to": "up"})
    assert order() == [before[1], before[0], before[2]]


def test_a_new_tracker_can_be_used_at_once_and_undone(admin, web_ground):
    answer = admin.post(
        "/admin/trackers/new", {"title": "Contracts", "title_one": "Contract", "first": "Subject"}
    )
    assert answer.location == "/admin/trackers/contract"
    page = admin.get(answer.location)
    assert "The tracker “Contracts” is there." in page.text
    assert admin.post("/t/contract/new", {"v.subject": "Hall"}).status_code == 303

    refused = admin.post("/admin/trackers/new", {"title": "contracts", "menu": "Money"})
    assert refused.status_code == 422
    assert 'value="Money"' in refused.text


def test_rules_are_checked_when_saved_and_hold_afterwards(admin, web_ground):
    sent = {"title": "People", "rule.0.check": "age > nothing", "rule.0.message": "Too young."}
    wrong = admin.post(PERSON, sent)
    assert wrong.status_code == 422
    assert 'id="rule.0.check-error"' in wrong.text
    assert "Too young." in wrong.text

    assert admin.post(PERSON, {**sent, "rule.0.check": "age >= 18", "rule.0.field": "age"}).status_code == 303
    refused = admin.post("/t/person/new", {"v.name": "Kim", "v.age": "7"})
    assert refused.status_code == 422
    assert 'href="#v.age"' in refused.text
    assert "Too young." in refused.text


def test_no_settings_page_has_inline_code(admin, web_ground):
    web_ground.configure(tracker_def("empty_one", title="Empty"))
    for address in (
        "/admin/trackers/",
        "/admin/trackers/empty_one",
        PERSON,
        f"{PERSON}/fields/new",
        new_field("status"),
    ):
        page = admin.get(address)
        assert page.status_code == 200
        assert not re.search(r"\sstyle=|\son(click|change|submit)=|<script>", page.text)


def test_a_field_whose_plugin_is_gone_says_so(admin, web_ground):
    person = web_ground.design().tracker("person")
    stars = FieldDef(key="stars", type="stars", label="Stars", position=99)
    web_ground.configure(replace(person, fields=(*person.fields, stars)))

    assert "The plugin that brought" in admin.get(f"{PERSON}/fields/stars").text
    assert SYSTEM
    assert field
    assert admin.get("/t/person/1/edit").status_code == 200
