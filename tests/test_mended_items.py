"""Items: what a wider right of another kind shows, what many at once leave whole, and what waits for whom."""

from __future__ import annotations

import base64
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from time import sleep

import orjson
import pytest
from ground import SYSTEM, Ground, field, group, tracker_def
from sqlalchemy import event, func, select
from sqlalchemy.exc import IntegrityError

from tracker.core.ask import page
from tracker.core.ask.query import Query
from tracker.core.base import tables
from tracker.core.changes import undo
from tracker.core.design.definitions import ViewDef
from tracker.core.design.marks import own_work
from tracker.core.items import bulk, files, jobs, trash, write
from tracker.core.items.jobs import rebuild_search
from tracker.core.items.judge import Refusals
from tracker.core.items.unique import already_used
from tracker.errors import Forbidden, Invalid, NotFound, Refused
from tracker.hookspecs import Interrupted, JobContext

PERSON = tracker_def("person", field("name"), field("town"), name=("name",))


def read(ground: Ground, actor, do):
    with ground.workspace.read(actor) as reading:
        return do(reading)


def do(ground: Ground, actor, what):
    with ground.workspace.change(actor, door="engine") as change:
        return what(change)


def values_of(ground: Ground, key: str) -> dict:
    tracker = ground.tracker(key)
    with ground.workspace.read(SYSTEM) as reading:
        return {item.id: item.values for item in page.page(reading, Query(tracker.key), limit=2000).items}


# -- what may be viewed -----------------------------------------------------------------------


def test_a_wider_right_touches_nothing_that_may_not_be_viewed(ground: Ground):
    rest = dict.fromkeys(("change", "export", "bulk", "trash", "restore"), "all")
    ground.configure(
        PERSON, group("staff", person__view="own", **{f"person__{name}": to for name, to in rest.items()})
    )
    actor = ground.person("who@office.example", "staff")
    mine = ground.create("person", name="Anna", placing=write.Placing(actor.user_id))
    other = ground.create("person", name="Bert", placing=write.Placing())
    tracker = ground.tracker("person")
    exported = read(ground, actor, lambda r: [i.id for b in page.stream(r, Query("person")) for i in b])
    assert exported == [mine]
    for selection in (Query("person"), [mine, other]):
        assert read(ground, actor, lambda r, s=selection: bulk.count_chosen(r, tracker, s, "change")) == 1
    do(ground, actor, lambda c: bulk.change_items(c, tracker, Query("person"), {"town": "Gdynia"}))
    do(ground, actor, lambda c: bulk.change_items(c, tracker, [mine, other], {"name": "Cleo"}))
    assert values_of(ground, "person")[other] == {"name": "Bert", "town": None}
    do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, [mine, other]))
    trashed = Query("person", trash=True)
    assert read(ground, actor, lambda r: [each.id for each in page.page(r, trashed).items]) == [mine]
    with pytest.raises(NotFound):
        read(ground, actor, lambda r: page.get_item(r, tracker, other, trash=True))
    assert do(ground, actor, lambda c: trash.restore_items(c, tracker, [mine, other])) == 1


# -- many at once -----------------------------------------------------------------------------

LOAN = tracker_def(
    "loan",
    field("kind"),
    field("bank", required=True, show_if="kind = 'bank'"),
    field("note"),
)


def test_many_at_once_leave_no_required_field_empty_that_others_ask_for(ground: Ground):
    ground.configure(LOAN)
    asked = ground.create("loan", kind="bank", bank="Nord")
    free = ground.create("loan", kind="private", bank="Nord")
    tracker = ground.tracker("loan")
    with pytest.raises(Invalid, match="Bank"):
        do(ground, SYSTEM, lambda c: bulk.change_items(c, tracker, [asked, free], {"bank": None}))
    assert values_of(ground, "loan")[asked]["bank"] == "Nord"
    assert do(ground, SYSTEM, lambda c: bulk.change_items(c, tracker, [free], {"bank": None})) == 1


def test_words_are_written_anew_once_for_each_item_of_a_bulk_change(ground: Ground, monkeypatch):
    ground.configure(PERSON)
    ids = [ground.create("person", name=f"Anna {number}") for number in range(6)]
    tracker, written = ground.tracker("person"), []
    put = bulk.search.write_documents
    monkeypatch.setattr(bulk, "id_ranges", lambda *_a, **_k: iter([(i, i + 1) for i in ids[::2]]))
    monkeypatch.setattr(
        bulk.search, "write_documents", lambda c, t, values: (written.extend(values), put(c, t, values))
    )
    do(ground, SYSTEM, lambda c: bulk.change_items(c, tracker, ids, {"town": "Gdynia"}))
    assert written == ids
    assert read(ground, SYSTEM, lambda r: page.count(r, Query("person", text="gdynia")).n) == 6


# -- words ------------------------------------------------------------------------------------


def jobs_of(ground: Ground) -> int:
    with ground.workspace.read(SYSTEM) as reading:
        kind = tables.job.c.topic
        found = select(func.count()).select_from(tables.job).where(kind == "search_rebuild")
        return reading.execute(found).scalar_one()


@pytest.mark.parametrize("way", ["retired", "dropped"])
def test_a_field_that_comes_back_is_found_again(ground: Ground, way):
    ground.configure(PERSON)
    ground.create("person", name="Anna", town="Gdynia")
    whole = ground.design().trackers[0]
    town = next(each for each in whole.fields if each.key == "town")
    if way == "retired":
        less = tuple(replace(each, retired=each is town) for each in whole.fields)
    else:
        less = tuple(each for each in whole.fields if each is not town)
    gone = ground.configure(replace(whole, fields=less))
    rebuild_search(ground.workspace, whole.id)
    assert read(ground, SYSTEM, lambda r: page.count(r, Query("person", text="gdynia")).n) == 0
    before = jobs_of(ground)
    if way == "retired":
        ground.configure(whole)
    else:
        undo.undo(ground.workspace, SYSTEM, gone, door="engine")
    assert "town" in ground.tracker("person").fields
    assert jobs_of(ground) == before + 1
    ground.configure(replace(ground.design().trackers[0], fields=(*whole.fields, field("fresh", position=9))))
    assert jobs_of(ground) == before + 1


def test_a_rebuild_that_is_stopped_goes_on_where_it_was(ground: Ground, monkeypatch):
    ground.configure(PERSON)
    ids = [ground.create("person", name="Anna") for _number in range(5)]
    monkeypatch.setattr(jobs, "STEP", 2)
    places, seen = [{}], []
    reindexed = jobs.reindex_items
    monkeypatch.setattr(jobs, "reindex_items", lambda *a: (seen.append(reindexed(*a)), seen[-1])[1])

    def context(stopping):
        return JobContext(
            workspace=ground.workspace,
            key="k",
            attempt=1,
            place=places[-1],
            progress=places.append,
            sending=lambda: None,
            is_stopping=lambda: stopping,
        )

    payload = {"tracker": ground.tracker("person").id}
    with pytest.raises(Interrupted):
        jobs.HANDLERS["search_rebuild"](context(stopping=True), payload)
    assert seen == [2]
    jobs.HANDLERS["search_rebuild"](context(stopping=False), payload)
    assert seen == [2, 2, 1]
    assert len(ids) == 5


def test_a_rebuild_waits_for_who_saves_and_writes_their_words(ground: Ground):
    if ground.workspace.database.engine.dialect.name == "sqlite":
        return  # one writer at a time
    ground.configure(PERSON)
    ids = [ground.create("person", name="Anna")]
    tracker = ground.tracker("person")
    with ThreadPoolExecutor(1) as pool:
        with ground.workspace.change(SYSTEM, door="engine") as change:
            values = tracker.judge({"name": "Bert"})
            write.change_item(change, tracker, ids[0], values=values, version=None)
            rebuilding = pool.submit(rebuild_search, ground.workspace, tracker.id)
            sleep(1)
            assert not rebuilding.done()
        rebuilding.result(30)
    assert read(ground, SYSTEM, lambda r: page.count(r, Query("person", text="bert")).n) == 1


# -- the trash --------------------------------------------------------------------------------

BOOK = tracker_def(
    "book",
    field("name"),
    field("author", "link", required=True, options={"to": "person"}),
    field("editor", "link", options={"to": "person"}),
    field("readers", "links", options={"to": "person"}),
    field("next", "link", options={"to": "book", "on_delete": "refuse"}),
    name=("name",),
)


def test_a_refusal_names_only_what_the_actor_may_view(ground: Ground):
    may = {"person__view": "all", "person__trash": "all"}
    ground.configure(PERSON, BOOK, group("staff", **may), group("owners", book__view="own", **may))
    anna = ground.create("person", name="Anna")
    ground.create("book", name="Secrets", author=anna)
    tracker = ground.tracker("person")
    staff, owner = ground.person("s@office.example", "staff"), ground.person("o@office.example", "owners")
    for actor in (staff, owner):
        with pytest.raises(Refused) as refused:
            do(ground, actor, lambda c: trash.trash_items(c, tracker, [anna]))
        assert str(refused.value).startswith("Other items need this")
    ground.create("book", name="Mine", author=anna, placing=write.Placing(owner.user_id))
    with pytest.raises(Refused, match="Books need this .*: 1 by “Author”"):
        do(ground, owner, lambda c: trash.trash_items(c, tracker, [anna]))


def test_a_retired_field_keeps_nothing_out_of_the_trash(ground: Ground):
    ground.configure(PERSON, BOOK)
    anna = ground.create("person", name="Anna")
    ground.create("book", name="Secrets", author=anna)
    book = next(each for each in ground.design().trackers if each.key == "book")
    fields = tuple(replace(each, retired=each.key == "author") for each in book.fields)
    ground.configure(replace(book, fields=fields))
    assert do(ground, SYSTEM, lambda c: trash.trash_items(c, ground.tracker("person"), [anna])) == 1


@pytest.mark.parametrize("named", [True, False])
def test_items_that_need_one_another_go_together(ground: Ground, monkeypatch, named):
    monkeypatch.setattr(trash, "CHUNK", 1)
    ground.configure(PERSON, BOOK)
    anna = ground.create("person", name="Anna")
    one = ground.create("book", name="One", author=anna)
    two = ground.create("book", name="Two", author=anna, next=one)
    ground.change("book", one, next=two)
    tracker = ground.tracker("book")
    with pytest.raises(Refused):
        do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, [one]))
    selection = [one, two] if named else Query("book", where="author IS NOT NULL")
    assert do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, selection)) == 2
    # and come back together: neither alone
    with pytest.raises(Refused, match="needs its “Next”"):
        do(ground, SYSTEM, lambda c: trash.restore_items(c, tracker, [one]))
    assert do(ground, SYSTEM, lambda c: trash.restore_items(c, tracker, [one, two])) == 2
    assert values_of(ground, "book")[one]["next"] == two


def test_what_comes_back_links_to_nothing_in_the_trash(ground: Ground):
    ground.configure(PERSON, BOOK)
    anna, bert = ground.create("person", name="Anna"), ground.create("person", name="Bert")
    book = ground.create("book", name="One", author=anna, editor=bert, readers=[anna, bert])
    books, people = ground.tracker("book"), ground.tracker("person")
    do(ground, SYSTEM, lambda c: trash.trash_items(c, books, [book]))
    do(ground, SYSTEM, lambda c: trash.trash_items(c, people, [anna]))
    with pytest.raises(Refused, match="needs its “Author”, which is in the trash"):
        do(ground, SYSTEM, lambda c: trash.restore_items(c, books, [book]))
    do(ground, SYSTEM, lambda c: trash.restore_items(c, people, [anna]))
    do(ground, SYSTEM, lambda c: trash.trash_items(c, people, [bert]))
    assert do(ground, SYSTEM, lambda c: trash.restore_items(c, books, [book])) == 1
    values = values_of(ground, "book")[book]
    assert (values["author"], values["editor"], len(values["readers"])) == (anna, None, 1)
    with ground.workspace.read(SYSTEM) as reading:
        revisions = select(func.count()).select_from(tables.revision)
        where = own_work(), tables.revision.c.tracker_id == books.id
        assert reading.execute(revisions.where(*where)).scalar_one() == 3


def together(*jobs_):
    """Run several at the same time; return what each gave, or the error it raised."""

    def safe(job):
        try:
            return job()
        except Exception as error:  # noqa: BLE001
            return error

    with ThreadPoolExecutor(len(jobs_)) as pool:
        return [each.result(60) for each in [pool.submit(safe, job) for job in jobs_]]


def test_two_who_restore_the_same_and_one_who_saves_beside_the_trash(ground: Ground):
    ground.configure(PERSON, BOOK)
    tracker = ground.tracker("person")
    for number in range(6):
        anna, bert = ground.create("person", name="Anna"), ground.create("person", name="Bert")
        book = ground.create("book", name="One", author=bert, editor=anna, readers=[anna])
        found = together(
            lambda a=anna: do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, [a])),
            lambda b=book, n=number: ground.change("book", b, name=f"Two {n}"),
        )
        assert found[0] == 1
        values = values_of(ground, "book")[book]
        assert (values["editor"], values["readers"] or None) == (None, None)
        restore = partial(do, ground, SYSTEM, lambda c, a=anna: trash.restore_items(c, tracker, [a]))
        assert sorted(together(restore, restore)) == [0, 1]


# -- judging ----------------------------------------------------------------------------------


def statements_of(ground: Ground, run) -> int:
    engine, seen = ground.workspace.database.engine, []
    note = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", note)
    try:
        run()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    return len(seen)


def created(ground: Ground, key: str, rows, actor=SYSTEM, **rest) -> tuple[int, Refusals]:
    tracker, refusals = ground.tracker(key), Refusals()
    batch = write.Batch([tracker.judge(each) for each in rows], **rest)
    made = do(ground, actor, lambda c: write.create_items(c, tracker, batch, refusals))
    return len(made), refusals


def test_conditions_of_many_items_are_asked_at_once(ground: Ground):
    ground.configure(LOAN)
    rows = [{"kind": "bank" if number % 3 == 0 else "private"} for number in range(120)]
    made: list = []
    assert statements_of(ground, lambda: made.append(created(ground, "loan", rows))) < 40
    number, refusals = made[0]
    assert number == 80
    assert sorted(refusals.by_index) == list(range(0, 120, 3))


def test_a_condition_sees_the_elements_of_lists(ground: Ground):
    ground.configure(
        tracker_def(
            "trip",
            field("stops", "tags"),
            field("visa", required=True, show_if="has(stops, 'Minsk')"),
        )
    )
    rows = [{"stops": ["Minsk", "Oslo"]}, {"stops": ["Oslo"]}, {"stops": ["Minsk"], "visa": "yes"}, {}]
    number, refusals = created(ground, "trip", rows)
    assert (number, sorted(refusals.by_index)) == (3, [0])


def test_a_unique_value_is_refused_at_its_own_field(ground: Ground):
    fields = [field(f"k{number}", unique=True) for number in range(13)]
    ground.configure(tracker_def("coded", *fields))
    tracker = ground.tracker("coded")
    shortest = min(tracker.stored, key=lambda each: len(each.definition.column))
    longer = [
        each
        for each in tracker.stored
        if each is not shortest and each.definition.column.startswith(shortest.definition.column)
    ]
    error = IntegrityError(
        "", {}, Exception(f'violates unique constraint "uq_{shortest.definition.column}7777"')
    )
    assert already_used(tracker, error) is error
    for each in longer:
        error = IntegrityError("", {}, Exception(f"UNIQUE constraint failed: t_1.{each.compared.name}"))
        error = already_used(tracker, error)
        assert list(getattr(error, "fields", {})) in ([], [each.key])


def test_a_retired_unique_field_still_says_what_is_used(ground: Ground):
    ground.configure(tracker_def("coded", field("code", unique=True)))
    first = ground.create("coded", code="A")
    tracker = ground.tracker("coded")
    do(ground, SYSTEM, lambda c: trash.trash_items(c, tracker, [first]))
    ground.create("coded", code="A")
    whole = ground.design().trackers[0]
    ground.configure(replace(whole, fields=tuple(replace(each, retired=True) for each in whole.fields)))
    with pytest.raises(Invalid, match="already used"):
        do(ground, SYSTEM, lambda c: trash.restore_items(c, ground.tracker("coded"), [first]))


def test_what_a_gate_changes_is_judged_again(ground: Ground, monkeypatch):
    ground.configure(PERSON, BOOK)
    anna = ground.create("person", name="Anna")
    book = ground.create("book", name="One", author=anna)
    answer: dict = {}

    def gate(_change, _tracker, _action, items, **_rest):
        for _id, _old, new in items:
            new.update(answer)

    monkeypatch.setattr(write, "pass_gates", gate)
    for asked, said in (({"author": None}, "Fill in Author"), ({"author": 999}, "#999 is not there")):
        answer = asked
        with pytest.raises(Invalid, match=said):
            ground.create("book", name="Two", author=anna)
        with pytest.raises(Invalid, match=said):
            ground.change("book", book, name="Two")


# -- pages, files, places ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "held",
    [
        [],
        [False],
        [False, []],
        [False, [["integer", 1]]],
        [False, [["text", "a"], ["text", "a"], ["text", "1"]]],
        [False, [["integer", 1], ["text", "a"], ["integer", 1]]],
        [False, [["text", 5], ["text", "a"], ["integer", 1]]],
        [False, [["text", "a"], ["text", "a"], ["integer", None]]],
        [False, [["text", "a"], ["text", "a"], ["integer", True]]],
        [False, [["text", "a"], ["text", "a"], ["integer", 2**63]]],
        [False, [["text", "a\0"], ["text", "a"], ["integer", 1]]],
        {},
        5,
    ],
)
def test_a_forged_page_mark_is_refused(ground: Ground, held):
    ground.configure(PERSON)
    ground.create("person", name="Anna")
    mark = base64.urlsafe_b64encode(orjson.dumps(held)).decode().rstrip("=")
    with pytest.raises(Invalid, match="page mark"):
        read(ground, SYSTEM, lambda r: page.page(r, Query("person", sort=("name",)), cursor=mark))


def test_texts_of_any_length_are_saved(ground: Ground):
    long = "".join(chr(0x4E00 + (number * 7919) % 20000) for number in range(9000))
    views = (ViewDef(key="v", title="V", filter="remark IS NOT NULL AND title IS NOT NULL"),)
    fields = (
        field("remark", "paragraph", indexed=True),
        field("title", indexed=True, options={"longest": 10_000}),
        field("code", unique=True, options={"longest": 10_000}),
    )
    ground.configure(tracker_def("doc", *fields, views=views))
    ground.create("doc", remark=long, title=long, code=long)
    with pytest.raises(Invalid, match="already used"):
        ground.create("doc", code=long)


def test_a_file_that_goes_while_orphans_are_looked_for(ground: Ground, monkeypatch):
    landed = files.land(ground.workspace, "a.txt", BytesIO(b"a"))
    path = files.folder(ground.workspace) / landed.path
    found = Path.glob

    def vanishing(self, pattern):
        listed = list(found(self, pattern))
        path.unlink()
        return iter(listed)

    monkeypatch.setattr(Path, "glob", vanishing)
    assert files.sweep(ground.workspace, age_s=-5) == 0


def test_the_folder_of_a_file_is_on_the_disk_too(ground: Ground, monkeypatch):
    synced = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda number: (synced.append(os.fstat(number).st_mode), sync(number)))
    files.land(ground.workspace, "a.txt", BytesIO(b"a"))
    assert sum(map(stat.S_ISDIR, synced)) == 2


def test_an_item_is_given_only_to_oneself_and_to_ones_own_groups(ground: Ground):
    may = {"person__view": "all", "person__create": "all", "person__change": "all"}
    ground.configure(PERSON, group("staff", **may), group("board"))
    actor, other = ground.person("a@office.example", "staff"), ground.person("b@office.example", "board")
    groups = {each.key: each.id for each in ground.design().groups}
    tracker = ground.tracker("person")
    theirs = ground.create("person", placing=write.Placing(other.user_id, groups["board"]))
    mine = ground.create("person", actor)

    def place(item_id, *placing):
        where = write.Placing(*placing)
        with ground.workspace.change(actor, door="engine") as change:
            write.change_item(change, tracker, item_id, values={}, version=None, placing=where)

    for wrong in ((other.user_id, None), (None, groups["board"])):
        with pytest.raises(Forbidden):
            place(mine, *wrong)
        with pytest.raises(Forbidden):
            ground.create("person", actor, placing=write.Placing(*wrong))
    place(theirs, other.user_id, groups["board"])
    place(theirs, other.user_id, groups["staff"])
    place(mine, actor.user_id, groups["staff"])
    place(mine, None, None)
