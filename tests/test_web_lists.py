"""Lists: what their address says, what they show to whom, and what is done to many rows."""

import re
from dataclasses import replace
from html import unescape

import pytest
from ground import field, group, tracker_def
from werkzeug.datastructures import MultiDict

from tracker.core.design.definitions import RuleDef, ViewDef
from tracker.web.lists.state import State, read_state


def names(page):
    """Return the names of the rows of a page, in order."""
    rows = re.findall(r'<td class="tk-first.*?<bdi[^>]*>(.*?)</bdi></a>', page.text, re.DOTALL)
    return [unescape(name) for name in rows]


def links(page, words):
    """Return the addresses of links whose text or label holds these words."""
    found = re.findall(r"<a\b([^>]*)>(.*?)</a>", page.text, re.DOTALL)
    return [
        unescape(re.search(r'href="([^"]*)"', attributes)[1])
        for attributes, inside in found
        if words in unescape(re.sub(r"<[^>]+>", "", inside)) or words in unescape(attributes)
    ]


# -- addresses ------------------------------------------------------------------------------------


@pytest.fixture
def state_of(app, web_ground):
    tracker = web_ground.tracker("person")
    view = ViewDef(key="mine", title="Mine", conditions=(("status", "is", ("active",)),), sort=("town",))

    def state(query, *, of_view=False):
        with app.test_request_context("/t/person?" + query) as context:
            return read_state(context.request.args, tracker, view if of_view else State(tracker).view)

    return state


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status__is=active",
        "status__any_of=active&status__any_of=ended&town__contains=a%26b",
        "town__contains=a&town__contains=b",
        "dues__between=1&dues__between=",
        "town__empty=1&where=dues+%3E+3&q=word&sort=-town%2Cname&columns=town%2Cdues",
    ],
)
@pytest.mark.parametrize("of_view", [False, True])
def test_an_address_says_the_state_that_it_was_made_from(app, state_of, query, of_view):
    state = state_of(query, of_view=of_view)

    with app.test_request_context("/"):
        again = state_of(state.query_string(), of_view=of_view)

    assert again == state


def test_conditions_in_an_address_add_to_those_of_the_view_unless_it_is_changed(state_of):
    added = state_of("view=mine&town__contains=a", of_view=True)
    assert [each.field for each in added.conditions] == ["status", "town"]

    less = added.without(0)
    assert ("changed", "1") in less.parameters()
    assert [each.field for each in state_of(less.query_string(), of_view=True).conditions] == ["town"]
    assert state_of("view=mine", of_view=True).parameters() == [("view", "mine")]


def test_a_parameter_that_is_no_field_is_none_of_ours(state_of):
    assert state_of("utm_source=mail&name=Ada").conditions == (("name", "is", ("Ada",)),)


def test_parameters_of_the_list_itself_are_no_conditions(web_ground):
    tracker = web_ground.tracker("person")
    state = read_state(MultiDict([("q", "a"), ("sort", "town")]), tracker)
    assert (state.conditions, state.text, state.sort) == ((), "a", ("town",))


# -- what is shown ----------------------------------------------------------------------------------


def test_a_list_shows_names_links_choices_and_money(staff):
    page = staff.get("/t/person?sort=number")

    assert names(page)[0] == "Marta Kowalczyk"
    assert '<a href="/t/household/2"><bdi>Romero–Haddad</bdi></a>' in page.text
    assert '<span class="tk-dot tk-green"></span> Active' in page.text
    assert re.search(r'<td class="tk-end tk-num[^"]*">€1,234\.50</td>', page.text)
    assert "12 people" in page.text


def test_sorting_goes_up_then_down_by_the_same_head(staff):
    up = staff.get("/t/person?sort=town")
    assert 'aria-sort="ascending"' in up.text
    down = staff.get(links(up, "sort=-town")[0])
    assert 'aria-sort="descending"' in down.text
    assert names(down) == names(up)[::-1]
    assert 'data-adding="/t/person?sort=town%2Cstatus"' in up.text


def test_default_columns_hold_no_sealed_field_and_at_most_nine(staff):
    heads = re.findall(r'<th scope="col".*?<bdi>(.*?)</bdi>', staff.get("/t/person").text, re.DOTALL)

    assert heads == ["Name", "Number", "Status", "Household", "Town", "Paid until", "Dues"]


def test_pages_follow_each_other_without_scripts_and_miss_nobody(staff, web_ground):
    for number in range(60):
        web_ground.create("person", name=f"Extra {number:02}")
    first = staff.get("/t/person?sort=name")
    second = staff.get(links(first, "Show 50 more")[0])

    assert (len(names(first)), len(names(second))) == (50, 22)
    assert not set(names(first)) & set(names(second))
    assert names(staff.get(links(second, "Previous")[0])) == names(first)


def test_htmx_gets_the_next_rows_and_nothing_else(staff, web_ground):
    for number in range(45):
        web_ground.create("person", name=f"Extra {number:02}")
    more = links(staff.get("/t/person"), "Show 50 more")[0]

    part = staff.get(more, headers={"HX-Request-Type": "partial"})

    assert len(names(part)) == 7
    assert "<html" not in part.text
    assert part.text.lstrip().startswith("<tr")


def test_conditions_stand_as_a_sentence_and_can_be_taken_off(staff):
    page = staff.get(
        "/t/person?status__any_of=active&status__any_of=leaving&household__is=2&paid_until__within=this_year"
    )
    sentence = " ".join(re.sub(r"<[^>]+>", " ", page.text).split())

    assert "Status is any of Active, Leaving" in unescape(sentence)
    assert "Household is Romero–Haddad" in unescape(sentence)
    assert "Paid until is in this year" in unescape(sentence)
    assert "status__any_of" not in links(page, "Take off: Status")[0]


def test_the_controls_of_a_condition_lead_to_the_list_it_makes(staff):
    for asked, expected in (
        (
            "c_field=status&c_operator=is&c_value=active&c_value=ended",
            "status__any_of=active&status__any_of=ended",
        ),
        ("c_field=paid_until&c_operator=within&c_span=past&c_value=&c_value=", "paid_until__within=past"),
        ("c_field=dues&c_operator=between&c_value=1&c_value=2", "dues__between=1&dues__between=2"),
        ("c_field=town&c_operator=empty&c_value=x", "town__empty=1"),
        ("c_field=town&c_operator=contains&c_value=", "edit=town"),
    ):
        assert staff.get(f"/t/person/condition?{asked}").location == f"/t/person?{expected}"


def test_every_field_has_controls_for_its_condition(staff, web_ground):
    for key in web_ground.tracker("person").fields:
        page = staff.get(f"/t/person?edit={key}")
        assert page.status_code == 200, key


def test_nothing_matches_says_which_condition_to_take_off(staff):
    page = staff.get("/t/person?name__contains=zzz&status__is=active")

    assert "No people match" in page.text
    assert names(staff.get(links(page, "Take off Name contains zzz")[0]))


def test_an_empty_tracker_says_what_to_do(signed_in):
    page = signed_in("staff").get("/t/empty")

    assert "No donations yet" in page.text
    assert links(page, "Add donation")


@pytest.mark.parametrize(
    "query", ["age__gt=old", "nothing__is=1", "where=town+%3D%3D%3D", "town__lt=1", "sort=iban"]
)
def test_a_list_that_cannot_be_asked_says_why_and_keeps_its_conditions(staff, query):
    page = staff.get(f"/t/person?{query}")

    assert page.status_code == 422
    assert "This list cannot be shown so." in page.text


def test_a_hidden_field_is_the_same_as_an_unknown_one(staff):
    hidden, unknown = (staff.get(f"/t/person?{key}__empty=1").text for key in ("secret_note", "secret_nota"))

    assert "There is no field “secret_note”" in hidden
    assert "secret_note" not in unknown.replace("secret_nota", "")
    assert "Secret note" not in hidden


def test_sealed_values_are_a_mask_of_one_length(staff, web_ground):
    web_ground.create("person", name="Sealed one", iban="DE02120300000000202051")
    page = staff.get("/t/person?columns=iban,secret_note&name__is=Sealed+one")

    assert "••••" in page.text
    assert "DE02" not in page.text
    assert "202051" not in page.text


def test_text_of_people_is_escaped_everywhere(staff, web_ground):
    evil = "<img src=x onerror=alert(1)>"
    web_ground.create("household", name=evil)
    web_ground.create("person", name=evil, town=evil, household=4, about=evil, tags=[evil])
    for address in (
        "/t/person?columns=town,about,tags,household",
        "/t/household",
        "/search?q=img",
        "/changes",
        "/",
    ):
        assert "<img" not in staff.get(address).text, address


# -- many at once -----------------------------------------------------------------------------------


def test_ticked_rows_go_to_the_trash_and_undo_brings_them_back(staff):
    answer = staff.post("/t/person/picked", {"do": "trash", "id": ["1", "2"], "back": "sort=number"})
    page = staff.get(answer.location)
    assert answer.location == "/t/person?sort=number"
    assert "2 people moved to the trash." in page.text
    assert "10 people" in page.text

    undo = re.search(r'action="(/changes/\d+/undo)"', page.text)[1]
    staff.post(undo)
    assert "12 people" in staff.get("/t/person").text


def test_the_trash_lists_what_is_in_it_and_puts_it_back(staff):
    staff.post("/t/person/picked", {"do": "trash", "id": "1"})
    trash = staff.get("/t/person/trash")
    assert "Marta Kowalczyk" in trash.text

    staff.post("/t/person/put-back", {"id": "1"})
    assert "The trash is empty" in staff.get("/t/person/trash").text


def test_one_field_of_many_is_changed_after_saying_how_many(staff):
    chosen = {"do": "change", "id": ["1", "2", "3"]}
    assert "Change 3 people" in staff.post("/t/person/picked", chosen).text
    asked = staff.post("/t/person/picked", chosen | {"field": "town"}).text
    assert 'name="value"' in asked

    done = staff.post("/t/person/picked", chosen | {"field": "town", "sure": "1", "value": "Wien"})

    assert done.status_code == 303
    page = staff.get("/t/person?town__is=Wien")
    assert "Town changed for 3 people." in page.text
    assert len(names(page)) == 3


def test_what_would_change_is_seen_before_and_nothing_of_it_stays(staff):
    chosen = {"do": "change", "id": ["1", "2", "3"], "field": "town", "value": "Graz"}
    was = [text(staff.get(f"/t/person/{number}")) for number in chosen["id"]]

    looked = staff.post("/t/person/picked", chosen | {"sure": "look"})

    told = text(looked)
    assert looked.status_code == 200
    assert "What would change" in told
    assert "Graz" in told.partition("What would change")[2]
    assert 'value="Graz"' in looked.text
    assert [text(staff.get(f"/t/person/{number}")) for number in chosen["id"]] == was
    home = staff.post("/t/person/picked", chosen | {"field": "household", "value": "1", "sure": "look"})
    assert '<option value="1" selected>' in home.text


def text(page):
    """Return the words of a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(page.text)).split())


def test_a_refused_value_for_many_changes_nothing_and_stays_typed(staff):
    chosen = {"do": "change", "id": ["1", "2"], "field": "age", "sure": "1", "value": "old"}
    refused = staff.post("/t/person/picked", chosen)

    assert refused.status_code == 422
    assert "Nothing is changed yet." in refused.text
    assert 'value="old"' in refused.text


def test_what_refuses_is_listed_and_the_others_are_changed_on_demand(staff, web_ground):
    rule = RuleDef(key="first", check="town != 'Wien' or id > 1", message="Not the first.")
    web_ground.configure(replace(web_ground.design().tracker("person"), rules=(rule,)))
    chosen = {"do": "change", "id": ["1", "2", "3"], "field": "town", "value": "Wien"}
    for sure in ("look", "1"):
        refused = staff.post("/t/person/picked", chosen | {"sure": sure})
        assert refused.status_code == 422
        assert "Not the first." in text(refused).partition("What refuses")[2]
        assert "Change the other 2 people" in text(refused)
    assert staff.post("/t/person/picked", chosen | {"sure": "others"}).status_code == 303
    assert len(names(staff.get("/t/person?town__is=Wien"))) == 2


def test_all_of_a_list_are_changed_by_its_conditions(staff):
    data = {
        "do": "change",
        "all": "1",
        "back": "status__is=active",
        "field": "town",
        "sure": "1",
        "value": "Wien",
    }
    staff.post("/t/person/picked", data)

    assert len(names(staff.get("/t/person?town__is=Wien"))) == len(
        names(staff.get("/t/person?status__is=active"))
    )


def test_who_may_not_change_sees_no_boxes_and_is_refused(signed_in):
    guest = signed_in("guests")
    assert "data-pick" not in guest.get("/t/household").text
    assert "Add household" not in guest.get("/t/household").text

    answer = guest.post("/t/household/picked", {"do": "trash", "id": "1"})
    assert answer.status_code == 403
    assert "You may not move Households to the trash" in answer.text


def test_where_no_status_or_money_is_stored_what_is_worked_out_is_a_column_before_dates_fill_it(
    staff, web_ground
):
    web_ground.configure(
        tracker_def(
            "guest",
            field("name"),
            field("born", "date"),
            field("died", "date"),
            field(
                "standing",
                "formula",
                options={"expression": "CASE WHEN died IS NULL THEN 'Member' ELSE 'Gone' END"},
            ),
            field("visits", "back_links", options={"from": "visit.guest"}),
            field("spent", "rollup", options={"of": "visits", "field": "paid"}),
            title="Guests",
        ),
        tracker_def(
            "visit",
            field("title"),
            field("guest", "link", options={"to": "guest"}),
            field("paid", "money", options={"currency": "EUR"}),
        ),
        group("staff", guest__view="all", guest__create="all"),
    )
    web_ground.create("guest", name="Ada")
    page = staff.get("/t/guest")
    heads = re.findall(r'<th scope="col".*?<bdi[^>]*>(.*?)</bdi>', page.text, re.DOTALL)

    assert heads == ["Name", "Standing", "Born", "Died", "Spent"]
    assert not links(page, "sort=standing")
    assert re.search(r'<bdi class="tk-unsorted" title="[^"]+">Standing</bdi>', page.text)


def test_only_people_have_initials_before_their_name(staff):
    assert "tk-ava-s" in staff.get("/t/person").text.partition('id="rows"')[2]
    assert "tk-ava-s" not in staff.get("/t/household").text.partition('id="rows"')[2].partition("</table>")[0]


def test_a_masked_column_offers_no_order_and_no_condition(web_ground, signed_in):
    web_ground.configure(group("peers", person__view="all"))
    person = web_ground.design().tracker("person")
    fields = tuple(
        replace(each, grants={"masked": ("peers",)}) if each.key == "town" else each for each in person.fields
    )
    web_ground.configure(replace(person, fields=fields))

    page = signed_in("peers").get("/t/person?columns=town,paid_until")

    assert "Town" in page.text
    assert links(page, "Paid until")
    assert not [each for each in links(page, "Town") if "sort=" in each or "edit=town" in each]


def test_columns_that_are_not_there_are_said_to_be_left_out(staff):
    page = staff.get("/t/person?columns=nosuch,town,secret_note").text

    assert "Left out, for there is no such column: <bdi>nosuch, secret_note</bdi>" in page
    assert "Left out" not in staff.get("/t/person?columns=name,town").text
    assert staff.get("/t/person/1?as_of=nosuch").status_code == 404
