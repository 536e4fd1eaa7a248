"""One item, or one field of it, is put back as it was at a moment, out of whatever change set it was changed by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, tracker_def
from web_ground import add_person, sign_in, text_of

from tracker.app import create_app
from tracker.cli import cli
from tracker.core.ask.page import get_item
from tracker.core.ask.query import Query
from tracker.core.base.actor import Actor
from tracker.core.changes.rewind import preview_rewind, rewind_item
from tracker.core.changes.undo import undo
from tracker.core.items.bulk import change_items
from tracker.core.items.lock import lock_items
from tracker.core.items.reveal import reveal
from tracker.core.items.trash import trash_items
from tracker.errors import Forbidden, Locked, Refused, Unknown
from tracker.settings import Settings

START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def office(ground: Ground) -> Ground:
    """Return four days of a life: made, changed, changed with all others, and today."""
    ground.workspace.clock = lambda: START
    ground.configure(
        tracker_def("firm", field("name"), name=("name",)),
        tracker_def(
            "person",
            field("name"),
            field("code", unique=True),
            field("town"),
            field("tags", "tags"),
            field("firm", "link", options={"to": "firm"}),
            field("pin", encrypted=True, grants={"reveal": ("staff",)}),
            field("fee", "money", grants={"read": ("staff",), "edit": ("chiefs",)}),
            name=("name",),
            title_one="Person",
        ),
        group("chiefs"),
        group("staff", person__view="all", person__create="all", person__change="own"),
    )
    firm = ground.create("firm", name="Acme")
    first = {"code": "A", "town": "Gdynia", "tags": ["x"], "firm": firm, "pin": "1111", "fee": "5.00"}
    ada = ground.create("person", name="Ada", **first)
    ground.create("person", name="Bea", code="B")
    day(ground, 1)
    ground.change("person", ada, town="Sopot", tags=["y"], pin="2222", fee="7.00", code="C")
    day(ground, 2)
    with ground.workspace.change(SYSTEM, door="engine", kind="bulk") as change:
        change_items(change, ground.tracker("person"), Query("person"), {"town": "Everywhere"})
    day(ground, 3)
    return ground


def day(ground: Ground, n: int) -> datetime:
    """Let it be a later day; return the moment before."""
    ground.workspace.clock = lambda: START + timedelta(days=n)
    return START + timedelta(days=n, hours=-1)


def values(office: Ground, item_id: int = 1) -> dict[str, object]:
    with office.workspace.read(SYSTEM) as reading:
        found = get_item(reading, office.tracker("person"), item_id).values
    return {key: found[key] for key in ("name", "town", "tags", "code")} | {"fee": str(found["fee"])}


def back(office: Ground, n: int, *keys: str, actor: Actor = SYSTEM, item_id: int = 1) -> list[str]:
    with office.workspace.change(actor, door="engine") as change:
        then = START + timedelta(days=n, hours=1)
        left = rewind_item(change, office.tracker("person"), item_id, then, keys=keys)
    return [each.reason for each in left]


def pin(office: Ground) -> str | None:
    with office.workspace.change(SYSTEM, door="engine") as change:
        return reveal(change, office.tracker("person"), 1, "pin")


def test_one_item_comes_back_out_of_a_change_of_many_and_the_others_stay(office: Ground):
    assert back(office, 1) == []
    assert values(office) == {"name": "Ada", "town": "Sopot", "tags": ("y",), "code": "C", "fee": "7.00"}
    assert values(office, 2)["town"] == "Everywhere"
    assert back(office, 0) == []
    assert values(office) == {"name": "Ada", "town": "Gdynia", "tags": ("x",), "code": "A", "fee": "5.00"}
    assert pin(office) == "1111"
    assert back(office, 0) == []  # nothing is different: no version, no change set
    with office.workspace.read(SYSTEM) as reading:
        assert get_item(reading, office.tracker("person"), 1, fields=()).version == 5


def test_one_field_comes_back_alone_and_is_undone(office: Ground):
    before = values(office)
    touched, left = preview_rewind(
        office.workspace, SYSTEM, office.tracker("person"), 1, moment=START, keys=["pin"]
    )
    assert ([each.key for each in touched[0].fields], left, values(office)) == (["pin"], [], before)
    with office.workspace.change(SYSTEM, door="engine") as change:
        rewind_item(change, office.tracker("person"), 1, START, keys=["tags", "pin"])
        done = change.id
    assert values(office) == before | {"tags": ("x",)}
    assert pin(office) == "1111"
    assert not undo(office.workspace, SYSTEM, done, door="engine").conflicts
    assert (values(office), pin(office)) == (before, "2222")


def test_what_cannot_go_back_is_told_and_the_rest_goes(office: Ground):
    office.change("person", 2, code="A")  # the code that the other had
    with office.workspace.change(SYSTEM, door="engine") as change:
        trash_items(change, office.tracker("firm"), [1])
    assert sorted(back(office, 0)) == [
        "its old value is used by another now",
        "what it linked to is in the trash now",
    ]
    assert values(office) == {"name": "Ada", "town": "Gdynia", "tags": ("x",), "code": "C", "fee": "5.00"}
    with pytest.raises(Refused, match="was not there then"):
        back(office, -2)
    with office.workspace.change(SYSTEM, door="engine") as change:
        lock_items(change, office.tracker("person"), [1])
    with pytest.raises(Locked):
        back(office, 0)


def test_only_what_one_may_write_goes_back(office: Ground):
    clerk = office.person("c@office.example", "staff")
    with pytest.raises(Forbidden):
        back(office, 0, actor=clerk)
    own = office.create("person", clerk, name="Own", town="Here")
    office.change("person", own, town="There", fee="9.00")
    made = START + timedelta(days=3)
    day(office, 4)
    office.change("person", own, town="Elsewhere", fee="11.00")
    with office.workspace.change(clerk, door="engine") as change:
        left = rewind_item(change, office.tracker("person"), own, made)
    assert [each.reason for each in left] == ["you may not change all that was changed"]
    now = values(office, own)
    assert (now["town"], now["fee"]) == ("There", "11.00")
    with pytest.raises(Unknown), office.workspace.change(clerk, door="engine") as change:
        rewind_item(change, office.tracker("person"), own, made, keys=["fee"])


def test_the_command_says_first_what_it_puts_back(office: Ground, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    url = office.workspace.database.engine.url.render_as_string(hide_password=False)
    monkeypatch.setenv("TRACKER_DATABASE_URL", url)

    def run(*arguments: str, code: int = 0) -> str:
        result = CliRunner().invoke(cli, ("item", "rewind", "person", "1", *arguments))
        assert (result.exit_code, "Traceback" in result.output) == (code, False), result.output
        return result.output

    assert "Town: Everywhere → Sopot" in run("--to", "2026-05-02", "--field", "town", "--dry-run")
    assert values(office)["town"] == "Everywhere"
    assert "Done. This is change set" in run("--to", "2026-05-02", "--field", "town", "--yes")
    assert values(office)["town"] == "Sopot"
    assert "Nothing would change." in run("--to", "2026-05-02", "--field", "town", "--yes")
    assert "was not there then" in run("--to", "2026-04-01", "--yes", code=1)
    assert "2026-11-24" in run("--to", "soon", "--yes", code=1)
    assert "There is no field" in run("--to", "2026-05-02", "--field", "nothing", code=1)


def test_the_page_of_a_day_puts_all_or_one_field_back(office: Ground, tmp_path):
    add_person(office, "chief@office.example", admin=True)
    browser = sign_in(create_app(office.workspace, Settings(home=tmp_path / "home")), "chief@office.example")
    page = browser.get("/t/person/1?as_of=2026-05-01")
    assert text_of(page).count("Put back") == 4  # town, tags, code, fee; what is sealed goes with all
    assert browser.post("/t/person/1/rewind", {"day": "2026-05-01", "field": "town"}).status_code == 303
    assert values(office)["town"] == "Gdynia"
    assert values(office)["tags"] == ("y",)
    assert browser.post("/t/person/1/rewind", {"day": "2026-05-01"}).status_code == 303
    assert (values(office)["tags"], pin(office)) == (("x",), "1111")
    assert "Put back" not in text_of(browser.get("/t/person/1?as_of=2026-05-01"))
    assert "As it was on" in text_of(browser.get("/t/person/1/history"))
    assert browser.post("/t/person/1/rewind", {"day": "nonsense"}).status_code == 404
