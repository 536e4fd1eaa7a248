"""What plugins say reaches everyone: a gate that changes, one that rejects, a notice that fails, through every door."""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Event
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from ground import SYSTEM, Ground, field, group, guard, tracker_def
from web_ground import add_person, sign_in

import tracker.app
from tracker.app import create_app, open_workspace
from tracker.cli import cli
from tracker.core.ask.page import get_item, page
from tracker.core.ask.query import Query
from tracker.core.base.hooks import CUT_OFF, Hooks
from tracker.core.base.outbox import list_jobs
from tracker.core.base.worker import HANDLERS, Worker
from tracker.core.design.definitions import RuleDef
from tracker.core.design.marks import as_system
from tracker.core.design.store import tracker as tracker_of
from tracker.core.items.bulk import change_items
from tracker.core.items.judge import Refusals
from tracker.core.items.trash import restore_items, trash_items
from tracker.core.items.write import Batch, create_item, create_items
from tracker.errors import Forbidden, Invalid, Rejected
from tracker.hookspecs import PluginInfo, hookimpl
from tracker.plugins import builtin_types
from tracker.settings import Settings

HOUSEHOLD = tracker_def("household", field("title"), name=("title",))
FILM = tracker_def(
    "film",
    field("name", required=True),
    field("town"),
    field("stars", "integer"),
    field("number", "autonumber", options={"prefix": "F-", "digits": 3}),
    field("tags", "tags"),
    title="Films",
    title_one="Film",
    name=("name",),
    rules=(
        RuleDef(key="few", check="stars <= 5", message="Five stars at most.", field="stars"),
        RuleDef(key="some", check="stars >= 0", message="No stars below zero, not even 1 %.", field="stars"),
    ),
)
DIARY = tracker_def("diary", field("name"), name=("name",))


class Doorkeeper:
    """A plugin whose gates tidy and reject by value, and whose notice always fails."""

    PLUGIN = PluginInfo(name="doorkeeper", version="1", api=1)

    def __init__(self):
        self.batches: list[tuple[str, int]] = []  # what each question was about
        self.seen: list = []
        self.diary = False
        self.classics = {"Classic"}

    @hookimpl
    def item_before_save(self, changes):
        """Write towns large, and refuse the forbidden one."""
        self.batches.append(("before", len(changes)))
        if any(each.new.get("town") == "Atlantis" for each in changes):
            raise Rejected("Atlantis is not 100 % there.", field="town")
        return [
            replace(each, new={**each.new, "town": each.new["town"].title()})
            if each.new.get("town")
            else each
            for each in changes
        ]

    @hookimpl
    def items_saving(self, ctx, changes):
        """Note what was saved, and refuse what is called bad or has to stay."""
        if changes[0].tracker == "diary":
            return
        self.batches.append(("saving", len(changes)))
        self.seen += changes
        if self.diary:
            diary = tracker_of(ctx.change, "diary")
            create_item(ctx.change, diary, {"name": " ".join(str(each.item_id) for each in changes)})
        for each in changes:
            if each.new.get("name") == "Bad":
                raise Rejected("This film is bad.", field="name")
            if each.action in ("trash", "restore") and each.old["name"] in self.classics:
                raise Rejected(f"A classic is no matter of {each.action}.")

    @hookimpl
    def items_changed(self):
        """Fail."""
        raise ConnectionError("a value of an item")


@pytest.fixture
def keeper():
    return Doorkeeper()


@pytest.fixture
def told():
    """Return the change sets that a plugin without a fault was told of."""
    return []


@pytest.fixture
def films(keeper, told, database_url, tmp_path, monkeypatch):
    """Return a workspace with both plugins, which commands find as well."""
    good = SimpleNamespace(
        PLUGIN=PluginInfo(name="good", version="1", api=1),
        items_changed=hookimpl(lambda changed: told.append(changed.change_set)),
    )
    monkeypatch.setattr(
        tracker.app,
        "load_hooks",
        lambda _settings: Hooks.load(bundled=[builtin_types, keeper, good], entry_points=False),
    )
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)
    opened = open_workspace(Settings(home=tmp_path / "home", database_url=database_url))
    guard(opened)
    ground = Ground(opened)
    actions = ("view", "create", "change", "trash", "restore", "bulk")
    ground.configure(FILM, DIARY, group("staff", **{f"film__{action}": "all" for action in actions}))
    yield ground
    opened.database.close()


def run(*arguments, code=0):
    result = CliRunner().invoke(cli, [str(each) for each in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def in_store(ground, *keys):
    with ground.workspace.read(SYSTEM) as reading:
        items = page(reading, Query("film", sort=("id",)), limit=2000).items
    return [
        tuple(item.values[key] for key in keys) if len(keys) > 1 else item.values[keys[0]] for item in items
    ]


# -- page -------------------------------------------------------------------------------------


@pytest.fixture
def browser(films):
    """Return a signed-in browser of the staff."""
    app = create_app(films.workspace, Settings(home=films.workspace.home))
    app.testing = True
    add_person(films, "staff@example.org", "staff")
    return sign_in(app, "staff@example.org")


def test_a_form_saves_what_the_gate_made_of_it(browser, films):
    answer = browser.post("/t/film/new", {"v.name": "Amélie", "v.town": "paris"})

    assert answer.status_code == 303, answer.text
    assert in_store(films, "name", "town") == [("Amélie", "Paris")]


@pytest.mark.parametrize(
    ("typed", "sentence"),
    [
        ({"v.name": "Aquaman", "v.town": "Atlantis"}, "Atlantis is not 100 % there."),
        ({"v.name": "Bad", "v.town": "Wien"}, "This film is bad."),
        ({"v.name": "Long", "v.town": "Wien", "v.stars": "9"}, "Five stars at most."),
    ],
    ids=["before", "saving", "rule"],
)
def test_a_rejected_form_comes_back_with_the_sentence_and_what_was_typed(browser, films, typed, sentence):
    made = films.create("film", name="Amélie")
    created = browser.post("/t/film/new", typed)
    changed = browser.post(f"/t/film/{made}", {**typed, "version": "1"})

    for answer in (created, changed):
        assert answer.status_code == 422
        assert sentence in answer.text
        assert f'value="{typed["v.town"]}"' in answer.text
    assert in_store(films, "name", "town") == [("Amélie", None)]


def test_a_rejected_trashing_and_restoring_are_told_on_a_page(browser, films):
    made = films.create("film", name="Classic")
    other = films.create("film", name="Other")

    answer = browser.post(f"/t/film/{made}/trash")
    assert (answer.status_code, "A classic is no matter of trash." in answer.text) == (422, True)
    answer = browser.post("/t/film/picked", {"id": [str(made), str(other)], "do": "trash"})
    assert (answer.status_code, "A classic is no matter of trash." in answer.text) == (422, True)
    assert in_store(films, "name") == ["Classic", "Other"]
    assert browser.post(f"/t/film/{other}/trash").status_code == 303
    assert in_store(films, "name") == ["Classic"]


# -- import and command line --------------------------------------------------------------------


def test_an_import_takes_what_gates_and_rules_let_in_and_names_the_others(films, tmp_path, keeper):
    file = tmp_path / "films.csv"
    rows = [f"Film {number},linz,{number % 6},a;b" for number in range(300)]
    rows[10] = "Aquaman,Atlantis,3,a"
    rows[20] = "Bad,wien,3,a"
    rows[30] = "Long,wien,9,a"
    rows[40] = "Short,wien,-1,a"
    file.write_text("\n".join(["Name,Town,Stars,Tags", *rows]))

    report = json.loads(run("import", "film", file, "--json").stdout)

    (done,) = report["files"]
    assert (done["created"], done["rejected"]) == (296, 4)
    lines = (tmp_path / "films.rejects.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert [line.split(",", 4)[4].strip('"') for line in lines] == [
        "12,Atlantis is not 100 % there.",
        "22,This film is bad.",
        "32,Five stars at most.",
        '42,"No stars below zero, not even 1 %.',
    ]
    assert set(in_store(films, "town")) == {"Linz"}
    numbers = in_store(films, "number")
    assert len(numbers) == len(set(numbers)) == 296
    undone = json.loads(run("undo", report["change_set"], "--json").stdout)
    assert undone["counts"]["film"]["trashed"] == 296
    assert undone["conflicts"] == []


def test_an_import_that_changes_items_leaves_out_only_the_rejected_row(films, tmp_path):
    for name in ("One", "Two", "Three"):
        films.create("film", name=name)
    file = tmp_path / "films.csv"
    file.write_text("Name,Town\nOne,graz\nTwo,Atlantis\nThree,linz\nBad,wels\n")

    report = json.loads(run("import", "film", file, "--key", "name", "--json").stdout)

    (done,) = report["files"]
    assert (done["changed"], done["created"], done["rejected"]) == (2, 0, 2)
    assert in_store(films, "name", "town") == [("One", "Graz"), ("Two", None), ("Three", "Linz")]


def test_an_import_of_rejected_rows_alone_leaves_no_trace(films, tmp_path):
    file = tmp_path / "films.csv"
    file.write_text("Name,Stars\nLong,9\nBad,1\n")

    report = json.loads(run("import", "film", file, "--json", code=1).stdout)

    assert report["change_set"] is None
    assert in_store(films, "name") == []
    assert "import" not in run("changes").output


def test_the_command_line_lists_the_plugin(films):
    assert "doorkeeper" in run("plugin", "list").output


# -- batches ------------------------------------------------------------------------------------


def create(ground, actor, *rows):
    film, refusals = ground.tracker("film"), Refusals()
    with ground.workspace.change(actor, door="engine") as change:
        made = create_items(change, film, Batch([film.judge(row) for row in rows]), refusals)
    return made, {
        index: [str(message) for messages in fields.values() for message in messages]
        for index, fields in refusals.by_index.items()
    }


def test_a_batch_keeps_the_good_and_leaves_nothing_of_the_others(films):
    made, refused = create(
        films,
        SYSTEM,
        {"name": "Good", "tags": ["a"]},
        {"name": "Long", "stars": 9, "tags": ["a"]},
        {"name": "Bad", "tags": ["a"]},
        {"name": "Aquaman", "town": "Atlantis"},
        {"name": "Fine", "tags": ["a", "b"]},
        {"stars": 1},
    )

    assert sorted(made) == [0, 4]
    assert refused == {
        1: ["Five stars at most."],
        2: ["This film is bad."],
        3: ["Atlantis is not 100 % there."],
        5: ["Fill in Name."],
    }
    assert in_store(films, "name") == ["Good", "Fine"]
    with films.workspace.read(SYSTEM) as reading:
        for word, number in (("long", 0), ("bad", 0), ("good", 1)):
            assert len(page(reading, Query("film", text=word)).items) == number
        side = films.tracker("film").fields["tags"].side
        held = reading.execute(side.select().where(as_system(films.tracker("film"))))
        assert len(held.all()) == 3
    (last,) = [each for each in json.loads(run("changes", "film", "--json").stdout) if each["counts"]]
    assert last["counts"]["film"]["created"] == 2


def test_a_single_creation_is_refused_as_a_whole(films):
    for row, kind in (({"name": "Long", "stars": 9}, Invalid), ({"name": "Bad"}, Rejected)):
        with pytest.raises(kind) as refusal:
            films.create("film", **row)
        assert refusal.value.fields
    assert in_store(films, "name") == []


def test_rows_outside_the_scope_of_a_grant_are_told_and_the_others_go_in(films):
    films.configure(
        group("local", film__view="all", film__create="where:town = 'Linz'"),
    )
    ada = films.person("ada@example.org", "local")

    made, refused = create(
        films,
        ada,
        {"name": "One", "town": "linz"},
        {"name": "Two", "town": "wien"},
        {"name": "3", "stars": 9},
    )

    assert list(made) == [0]
    assert refused == {
        1: ["You may not add this Film. Ask an administrator for the right."],
        2: ["You may not add this Film. Ask an administrator for the right."],
    }
    with pytest.raises(Forbidden):
        films.create("film", ada, name="Two", town="wien")
    assert in_store(films, "name") == ["One"]


def test_a_batch_is_asked_once_and_a_rejected_one_item_by_item(films, keeper):
    create(films, SYSTEM, {"name": "One"}, {"name": "Two"})
    assert keeper.batches == [("before", 2), ("saving", 2)]
    keeper.batches.clear()

    create(films, SYSTEM, {"name": "One"}, {"name": "Bad"}, {"name": "Two"})

    assert keeper.batches == [("before", 3), ("saving", 3), *[("saving", 1)] * 3]


def test_what_a_plugin_wrote_for_a_rejected_batch_is_gone(films, keeper):
    keeper.diary = True

    made, _refused = create(films, SYSTEM, {"name": "One"}, {"name": "Bad"}, {"name": "Two"})

    with films.workspace.read(SYSTEM) as reading:
        notes = [each.values["name"] for each in page(reading, Query("diary", sort=("id",))).items]
    assert notes == [str(made[0]), str(made[2])]
    counts = json.loads(run("changes", "--json").stdout)[0]["counts"]
    assert (counts["film"]["created"], counts["diary"]["created"]) == (2, 2)


# -- trash, restore, bulk -------------------------------------------------------------------------


def trash(ground, *ids):
    with ground.workspace.change(SYSTEM, door="engine") as change:
        return trash_items(change, ground.tracker("film"), list(ids))


def restore(ground, *ids):
    with ground.workspace.change(SYSTEM, door="engine") as change:
        return restore_items(change, ground.tracker("film"), list(ids))


def test_trash_and_restore_ask_once_with_the_values_and_reject_as_a_whole(films, keeper):
    one, two = films.create("film", name="One", tags=["a"]), films.create("film", name="Two")
    keeper.batches.clear()
    keeper.seen.clear()

    assert trash(films, one, two) == restore(films, one, two) == 2

    assert keeper.batches == [("saving", 2), ("saving", 2)]
    assert [(each.action, each.item_id, each.old["name"], each.new) for each in keeper.seen] == [
        ("trash", one, "One", {}),
        ("trash", two, "Two", {}),
        ("restore", one, "One", {}),
        ("restore", two, "Two", {}),
    ]
    assert keeper.seen[0].old["tags"] == ("a",)
    classic = films.create("film", name="Classic")
    with pytest.raises(Rejected, match="no matter of trash"):
        trash(films, one, classic)
    assert in_store(films, "name") == ["One", "Two", "Classic"]
    assert trash(films, two) == 1
    keeper.classics.add("Two")
    with pytest.raises(Rejected, match="no matter of restore"):
        restore(films, two)
    with films.workspace.read(SYSTEM) as reading:
        assert get_item(reading, films.tracker("film"), two, trash=True).deleted_cs


def test_a_bulk_change_passes_the_gates_and_stops_as_a_whole(films):
    ids = [films.create("film", name=name) for name in ("One", "Two")]

    def bulk(**values):
        film = films.tracker("film")
        with films.workspace.change(SYSTEM, door="engine") as change:
            return change_items(change, film, ids, film.judge(values))

    assert bulk(town="linz") == 2
    assert in_store(films, "town") == ["Linz", "Linz"]
    for values in ({"town": "Atlantis"}, {"name": "Bad"}, {"stars": 7}):
        with pytest.raises(Invalid):
            bulk(**values)
    assert in_store(films, "name", "town", "stars") == [("One", "Linz", None), ("Two", "Linz", None)]


# -- notices --------------------------------------------------------------------------------------


def work(workspace):
    worker = Worker(workspace, HANDLERS, stop=Event())
    while worker.run_next():
        pass


def test_a_notice_that_fails_stops_nobody_and_is_counted_until_it_is_cut_off(films, told, browser, caplog):
    for number in range(CUT_OFF):
        answer = browser.post("/t/film/new", {"v.name": f"Film {number}"})
        assert answer.status_code == 303
        work(films.workspace)

    assert len(in_store(films, "name")) == len(told) == CUT_OFF
    assert len(set(told)) == CUT_OFF
    reason = films.workspace.hooks.cut_off["doorkeeper"]
    assert reason.startswith("It failed 5 times in a row, last in items_changed: ConnectionError")
    assert "a value of an item" not in caplog.text + reason
    listed = json.loads(run("plugin", "list", "--json").stdout)
    assert {"name": "doorkeeper", "version": "1", "state": "NOT TOLD", "about": reason} in listed
    with films.workspace.database.reading() as connection:
        jobs = [each for each in list_jobs(connection) if each.topic == "items_changed"]
    assert [each.state for each in jobs] == ["done", *["due"] * (CUT_OFF - 1)]
    films.create("film", name="Another", town="wels")
    assert in_store(films, "town")[-1] == "Wels"


def test_an_import_tells_nobody(films, tmp_path, told):
    file = tmp_path / "films.csv"
    file.write_text("Name\nOne\n")
    run("import", "film", file)
    work(films.workspace)

    assert told == []
