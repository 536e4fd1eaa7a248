"""Admins' edits are told from what a profile said, and a newer version is merged with them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ground import Ground
from profile_ground import ADMIN, Profiles, without
from profile_texts import CLUB

from tracker.core.base.house import save_setting
from tracker.core.changes.undo import undo
from tracker.core.conversion.retyping import Retyping
from tracker.core.conversion.run import retype
from tracker.core.design.definitions import FieldDef, GroupDef, TrackerDef
from tracker.core.profile.applied import applied_profiles
from tracker.core.profile.apply import apply
from tracker.core.profile.merging import Takes, merge_lists
from tracker.core.profile.problems import ProfileError
from tracker.errors import Invalid, Refused, Unknown

NEXT = CLUB.replace("version: 1.0.0", "version: 1.1.0")
OLD = (
    'trackers.person.fields.kind.choices.old: here it is {"label": "Old", "color": "green", "retired": false},'
    " the profile said nothing."
)
OURS, THEIRS = Takes(all="ours"), Takes(all="theirs")


@pytest.fixture
def profiles(workspace) -> Profiles:
    """Return a workspace to which the club is applied."""
    made = Profiles(workspace)
    made.apply(CLUB)
    return made


def paths(plan) -> list[str]:
    return [each.path for each in plan.conflicts]


# -- drift ----------------------------------------------------------------------------------------


def test_what_was_just_applied_does_not_drift(profiles):
    assert profiles.drift("club") == []


def test_what_admins_changed_added_and_took_away_is_told_by_its_path(profiles):
    profiles.field("person.name", label="Full name", grants={"read": ("staff",)})
    profiles.field("person.kind", options={"choices": [{"key": "guest", "label": "Visitor"}, "Full", "Old"]})
    profiles.edit(lambda old: without(old, "person", "team", "named"))
    profiles.field("person.iban", retired=True)
    profiles.edit(
        lambda old: old.with_(
            TrackerDef(key="dog", title="Dogs", fields=(FieldDef(key="name", type="line", label="Name"),)),
            GroupDef(key="others", title="Others"),
        )
    )

    told = profiles.drift("club")

    assert told == [
        "trackers.person.fields.name.label: here it is “Full name”, the profile said “Name”.",
        'trackers.person.fields.name.grants.read: here it is ["staff"], the profile said nothing.',
        "trackers.person.fields.iban: this field was retired here.",
        "trackers.person.fields.kind.choices.guest.label: here it is “Visitor”, the profile said “Guest”.",
        OLD,
        "trackers.person.fields.team: this field was taken away here.",
        "trackers.person.rules.named: this rule was taken away here.",
        "groups.others: this group was added here.",
        "trackers.dog: this tracker was added here.",
    ]


def test_options_that_are_written_otherwise_are_no_drift(profiles):
    as_rows = [{"key": key, "label": key.capitalize(), "retired": False} for key in ("guest", "full")]
    profiles.field("person.kind", options={"choices": as_rows})

    assert profiles.drift("club") == []


def test_another_order_is_one_difference(profiles):
    profiles.field("person.name", position=9)

    (told,) = profiles.drift("club")

    assert told.startswith('trackers.person.fields: here it is ["iban", "dues"')


def test_the_house_drifts_as_well(profiles):
    with profiles.workspace.change(ADMIN, door="web", designing=True) as change:
        save_setting(change, "house.name", "Ours")

    assert profiles.drift("club") == ["house.name: here it is “Ours”, the profile said “Club of Linz”."]


def test_what_is_not_applied_has_no_drift(profiles):
    with pytest.raises(Refused, match="“choir” is not applied here; applied: club"):
        profiles.drift("choir")


# -- upgrade --------------------------------------------------------------------------------------


def test_edits_stay_where_the_new_version_says_nothing_else(profiles):
    profiles.field("person.name", label="Full name")
    rows = {"guest": "Visitor", "full": "Full", "late": "Late"}
    choices = [{"key": key, "label": label} for key, label in rows.items()]
    profiles.field("person.kind", options={"choices": choices})

    text = NEXT.replace("name: {type: line", "name: {type: line, help: As on the door")
    text = text.replace("full: Full}", "full: Member, young: Young}")
    profiles.apply(text)

    person = profiles.design().tracker("person")
    assert (person.field("name").label, person.field("name").help) == ("Full name", "As on the door")
    assert [(each["key"], each["label"]) for each in person.field("kind").options["choices"]] == [
        ("guest", "Visitor"),
        ("full", "Member"),
        ("young", "Young"),
        ("late", "Late"),
    ]
    assert profiles.plan(text).steps == ()


def test_a_contradiction_is_a_conflict_and_nothing_is_applied(profiles):
    profiles.field("person.name", label="Full name")
    text = NEXT.replace("name: {type: line", "name: {type: line, label: Called")
    before = profiles.design()

    plan = profiles.plan(text)

    (conflict,) = plan.open
    assert str(conflict.sentence) == (
        "trackers.person.fields.name.label: here it is “Full name”, the profile says “Called” now,"
        " and said “Name” before."
    )
    with pytest.raises(Refused, match="fields.name.label"):
        profiles.apply(text)
    assert profiles.design() == before


@pytest.mark.parametrize(
    ("takes", "label"),
    [
        (OURS, "Full name"),
        (THEIRS, "Called"),
        (Takes(all="ours", paths={"trackers.person.fields.name": "theirs"}), "Called"),
        (Takes(all="theirs", paths={"trackers.person.fields.name.label": "ours"}), "Full name"),
    ],
)
def test_a_conflict_is_decided_for_one_side_once_and_for_all(profiles, takes, label):
    profiles.field("person.name", label="Full name")
    text = NEXT.replace("name: {type: line", "name: {type: line, label: Called")

    profiles.apply(text, takes)

    assert profiles.design().tracker("person").field("name").label == label
    again = profiles.plan(text)
    assert (again.steps, again.conflicts) == ((), ())


def test_a_conflict_that_there_is_not_cannot_be_decided(profiles):
    profiles.field("person.name", label="Full name")
    text = NEXT.replace("name: {type: line", "name: {type: line, label: Called")

    with pytest.raises(
        Unknown, match="There is no conflict “trackers.person.fields.nam.label”. Did you mean"
    ):
        profiles.plan(text, Takes.read(["trackers.person.fields.nam.label=ours"]))
    with pytest.raises(Invalid, match="Write PATH=ours or PATH=theirs"):
        Takes.read(["trackers.person"])
    with pytest.raises(Invalid, match="either ours or theirs"):
        Takes.read([], ours=True, theirs=True)


CONFLICTS = {
    "taken away": (
        lambda old: without(old, "person", "named"),
        ("check: name <> 'X'", "check: name <> 'Y'"),
        "trackers.person.rules.named",
    ),
    "rights": (
        lambda old: old.with_(
            replace(
                old.group("staff"),
                grants=tuple(
                    replace(each, scopes=("group",)) if each.key == "person:view" else each
                    for each in old.group("staff").grants
                ),
            )
        ),
        ("staff: {view: all", "staff: {view: own"),
        "trackers.person.grants.staff.view",
    ),
    "no more said": (
        lambda old: replace(
            old,
            trackers=tuple(
                replace(each, rules=tuple(replace(rule, message="Never X.") for rule in each.rules))
                for each in old.trackers
            ),
        ),
        ("    rules:\n      named: {check: name <> 'X', message: Not X., field: name}\n", ""),
        "trackers.person.rules.named",
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_both_ways_out_of_a_conflict_are_open(profiles, case):
    edit, (said, now), path = CONFLICTS[case]
    profiles.edit(edit)
    text = NEXT.replace(said, now)
    before = profiles.design()
    assert text != NEXT

    assert paths(profiles.plan(text)) == [path]
    assert profiles.plan(text, OURS).steps == ()
    assert profiles.plan(text, THEIRS).steps != ()
    profiles.apply(text, THEIRS)
    assert profiles.design() != before
    assert profiles.plan(text).steps == profiles.plan(text).conflicts == ()


def test_what_a_new_version_says_no_more_goes_or_is_retired_with_its_values(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    ground.create("person", name="Ada", dues="5")
    text = NEXT.replace("      dues: {type: money, currency: $currency, help: Costs $$}\n", "")
    text = text.replace("      team: {type: back_links, from: person.boss}\n", "").replace(
        "[-dues, name]", "[name]"
    )
    text = text.replace("      board: {change: {where: kind = 'guest'}}\n", "")

    plan = profiles.plan(text)

    assert [each for each in plan.sentences if not each.endswith(": position")] == [
        "Retire field person.dues",
        "Change view person.all: sort",
        "Take away field person.team",
        "Take away right board.person:change",
    ]
    assert plan.losses == ()
    assert [str(each) for each in plan.kept] == [
        "trackers.person.fields.dues is retired: items have values in it."
    ]
    profiles.apply(text)
    assert profiles.plan(text).steps == ()


def test_what_is_used_after_the_plan_is_not_taken_away(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    plan = profiles.plan(
        NEXT.replace("      dues: {type: money, currency: $currency, help: Costs $$}\n", "").replace(
            "[-dues, name]", "[name]"
        )
    )
    ground.create("person", name="Ada", dues="5")

    with (
        pytest.raises(Refused, match="The field person.dues holds data by now"),
        ground.workspace.change(ADMIN, door="cli", designing=True) as change,
    ):
        apply(change, plan)


def test_a_field_that_admins_retired_and_a_new_view_needs_is_named(profiles):
    profiles.field("person.iban", retired=True)
    changed = NEXT.replace("columns: [", "columns: [iban, ", 1)
    assert changed != NEXT
    before = profiles.design()

    with pytest.raises(
        ProfileError, match="Iban is retired in this workspace, and needed here: bring it back"
    ):
        profiles.apply(changed, THEIRS)

    assert profiles.design() == before


def test_an_older_version_is_refused(profiles):
    with pytest.raises(Refused, match="Version 1.0.0 of “club” is applied, and 0.9 is older"):
        profiles.plan(CLUB.replace("version: 1.0.0", "version: 0.9"))
    profiles.apply(CLUB.replace("version: 1.0.0", "version: 1.10"))
    with pytest.raises(Refused, match=r"1\.9\.9 is older"):
        profiles.plan(CLUB.replace("version: 1.0.0", "version: 1.9.9"))


def test_a_version_that_upgrades_others_is_refused(profiles):
    text = CLUB.replace("version: 1.0.0", "version: 3.0.0\nupgrades: [2.0.0, 2.1.0]")

    with pytest.raises(
        Refused, match="Version 3.0.0 of “club” upgrades 2.0.0, 2.1.0, and 1.0.0 is applied here"
    ):
        profiles.plan(text)
    profiles.apply(text.replace("[2.0.0, 2.1.0]", "1.0.0"))
    assert profiles.plan(text.replace("[2.0.0, 2.1.0]", "1.0.0")).steps == ()


def test_an_upgrade_that_was_undone_leaves_the_version_before(profiles):
    text = NEXT.replace("name: {type: line", "name: {type: line, label: Called")
    number = profiles.apply(text)
    undo(profiles.workspace, ADMIN, number, door="cli")

    with profiles.workspace.read(ADMIN) as reading:
        assert applied_profiles(reading)["club"].version == "1.0.0"
    assert profiles.drift("club") == []
    profiles.field("person.name", label="Full name")
    assert paths(profiles.plan(text)) == ["trackers.person.fields.name.label"]


def test_a_field_that_was_converted_first_takes_the_new_version(ground: Ground):
    profiles = Profiles(ground.workspace)
    profiles.apply(CLUB)
    text = NEXT.replace("name: {type: line", "name: {type: paragraph").replace("-dues, name", "-dues")
    with pytest.raises(ProfileError, match="tracker field convert person.name paragraph"):
        profiles.plan(text)
    profiles.view("person.all", sort=("-dues",))

    retype(ground.workspace, ADMIN, Retyping("person", "name", "paragraph"), door="cli")
    profiles.apply(text)

    assert profiles.design().tracker("person").field("name").type == "paragraph"
    assert profiles.plan(text).steps == ()


def test_a_type_that_needs_options_is_told_with_them(profiles):
    text = NEXT.replace(
        "dues: {type: money, currency: $currency, help: Costs $$}", "dues: {type: link, to: person}"
    )
    text = text.replace("[-dues, name]", "[name]")

    with pytest.raises(
        ProfileError, match=r"convert person.dues link --options '\{\"to\": \"person\"\}'”, then apply"
    ):
        profiles.plan(text)


def test_a_type_without_options_is_told_as_it_is(profiles):
    text = NEXT.replace("kind: {type: choice, choices: {guest: Guest, full: Full},", "kind: {type: line,")

    with pytest.raises(ProfileError, match="“tracker field convert person.kind line”, then apply"):
        profiles.plan(text)


def test_encryption_is_switched_by_hand_first(profiles):
    sealed = NEXT.replace("kind: {type: choice,", "kind: {type: choice, encrypted: true,")
    sealed = sealed.replace(", filter: kind = 'full'", "").replace(
        "      board: {change: {where: kind = 'guest'}}\n", ""
    )
    with pytest.raises(
        ProfileError, match=r"person.kind is not encrypted.*“tracker field seal person.kind” first"
    ):
        profiles.plan(sealed)
    with pytest.raises(
        ProfileError, match=r"person.iban is encrypted.*“tracker field unseal person.iban” first"
    ):
        profiles.plan(NEXT.replace("encrypted: true, search: exact, ", ""))


def test_a_type_that_cannot_be_reached_needs_another_key(profiles):
    with pytest.raises(ProfileError, match="person.iban is of type iban, and cannot become one of type line"):
        profiles.plan(CLUB.replace("iban: {type: iban", "iban: {type: line"))


def test_a_field_that_admins_converted_is_a_conflict_only_if_the_profile_says_more_of_it(profiles):
    retype(profiles.workspace, ADMIN, Retyping("person", "dues", "decimal"), door="cli")
    profiles.apply(NEXT)

    assert paths(profiles.plan(NEXT, currency="USD")) == ["trackers.person.fields.dues.type"]
    assert profiles.plan(NEXT, OURS, currency="USD").design.steps == ()
    with pytest.raises(ProfileError, match="tracker field convert person.dues money"):
        profiles.plan(NEXT, THEIRS, currency="USD")


LISTS = [
    ("ab", "abc", "ab", "abc"),
    ("ab", "abc", "ba", "bca"),
    ("abc", "ac", "abcd", "acd"),
    ("a", "b", "c", None),
    ("ab", "ba", "ab", "ba"),
    ("abc", "cba", "bac", None),
    ("", "a", "b", "ba"),
    ("ab", "xab", "ab", "abx"),
]


@pytest.mark.parametrize(("base", "theirs", "ours", "merged"), LISTS)
def test_lists_are_merged_element_by_element(base, theirs, ours, merged):
    assert merge_lists(list(base), list(theirs), list(ours)) == (None if merged is None else list(merged))
