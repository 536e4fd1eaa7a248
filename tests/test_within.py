"""What a tracker is within: it holds for what is created, whatever is granted, and lets changes hand items over."""

from __future__ import annotations

import pytest
from ground import SYSTEM, Ground, field, group, tracker_def

from tracker.core.ask.page import page
from tracker.core.ask.query import Query
from tracker.core.changes.undo import undo
from tracker.core.items.bulk import change_items
from tracker.core.items.judge import Refusals
from tracker.core.items.write import Batch, Placing, create_items
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.report import KeptRejects
from tracker.core.transfer.run import Import, run_import
from tracker.errors import Forbidden, NotFound

ACTIONS = ("view", "create", "change", "bulk", "import")


@pytest.fixture
def diary(ground: Ground) -> Ground:
    """Return a workspace with letters that are open, or their owner's alone."""
    ground.configure(
        tracker_def(
            "letter",
            field("name"),
            field("open", "yes_no"),
            within="open OR owner = current_user",
            name=("name",),
            title_one="Letter",
        ),
        group("staff", **{f"letter__{action}": "all" for action in ACTIONS}),
        group("open", **{f"letter__{action}": "where:open" for action in ACTIONS}),
    )
    return ground


def seen(diary: Ground, actor) -> list[str]:
    with diary.workspace.read(actor) as reading:
        return [each.values["name"] for each in page(reading, Query("letter", sort=("id",))).items]


@pytest.mark.parametrize("who", ["staff", "admin"])
def test_nobody_creates_what_is_not_within_whatever_is_granted(diary: Ground, who: str) -> None:
    ben = diary.person("ben@example.org", "staff", admin=who == "admin")
    ann = diary.person("ann@example.org", "staff")

    with pytest.raises(Forbidden, match="add this Letter"):
        diary.create("letter", ben, name="Closed", open=False, placing=Placing(None))
    diary.create("letter", ben, name="Open", open=True, placing=Placing(None))
    diary.create("letter", ben, name="Mine", open=False)
    diary.create("letter", ann, name="Hers", open=False)

    assert seen(diary, ben) == ["Open", "Mine"]
    assert seen(diary, SYSTEM) == ["Open", "Mine", "Hers"]


def test_of_many_those_that_are_not_within_are_refused(diary: Ground) -> None:
    admin = diary.person("admin@example.org", admin=True)
    letters = [{"name": f"L{number}", "open": number % 2 == 0} for number in range(4)]
    refusals = Refusals()

    with diary.workspace.change(admin, door="engine") as change:
        made = create_items(change, diary.tracker("letter"), Batch(letters, [Placing()] * 4), refusals)

    assert (sorted(made), sorted(refusals.by_index)) == ([0, 2], [1, 3])
    assert seen(diary, SYSTEM) == ["L0", "L2"]


def test_an_import_refuses_the_rows_that_are_not_within(diary: Ground, tmp_path) -> None:
    file = tmp_path / "letters.csv"
    file.write_text("Name,Open\nA,yes\nB,no\n")
    admin = diary.person("admin@example.org", admin=True)
    ann = diary.person("ann@example.org", "staff")
    mapping = FileMap("letter", columns={"Name": (To("name"),), "Open": (To("open"),)})
    rejects = KeptRejects()

    run_import(diary.workspace, ann, Import([(file, mapping)], rejects=rejects))

    assert rejects.found == []
    assert seen(diary, admin) == ["A"]
    assert seen(diary, ann) == ["A", "B"]


def test_the_engine_itself_writes_what_is_within_for_nobody(diary: Ground) -> None:
    diary.create("letter", name="Kept", open=False)

    assert seen(diary, SYSTEM) == ["Kept"]


@pytest.mark.parametrize("right", ["staff", "open"])
@pytest.mark.parametrize("how", ["one", "many"])
def test_a_change_may_take_an_item_out_of_sight_and_then_it_is_as_any_other(
    diary: Ground, right: str, how: str
) -> None:
    ann = diary.person("ann@example.org", "staff")
    ben = diary.person("ben@example.org", right)
    letter = diary.create("letter", ann, name="Draft", open=True)

    if how == "many":
        with diary.workspace.change(ben, door="engine") as change:
            cs = change.id
            assert change_items(change, diary.tracker("letter"), Query("letter"), {"open": False}) == 1
    else:
        cs = diary.change("letter", letter, ben, open=False)

    assert (seen(diary, ann), seen(diary, ben)) == (["Draft"], [])
    with pytest.raises(NotFound):
        diary.change("letter", letter, ben, open=True)
    assert undo(diary.workspace, ben, cs, door="engine").conflicts
    diary.change("letter", letter, ann, open=True)
    assert seen(diary, ben) == ["Draft"]
