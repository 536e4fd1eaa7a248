"""A profile is refused with file, line, column and what to write instead, and never eats the machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tracker.core.profile.files import find, shipped
from tracker.core.profile.problems import MOST_PROBLEMS, ProfileError
from tracker.core.profile.read import Ground, read_profile, read_profile_text
from tracker.core.profile.tree import MOST_BYTES, MOST_DEPTH, MOST_NODES
from tracker.errors import Unknown
from tracker.fields import BUILTIN
from tracker.fields.registry import TypeRegistry

GROUND = Ground(TypeRegistry(BUILTIN))
HEAD = "profile: club\ntitle: Club\n"  # what a test adds begins in line 3
PERSON = (
    HEAD + "trackers:\n  person:\n    title: People\n    fields:\n      name: {type: line}\n"
)  # then line 8


def problems_of(text: str) -> list[str]:
    with pytest.raises(ProfileError) as refusal:
        read_profile_text(text, GROUND)
    return [str(problem).removeprefix("profile.yaml:") for problem in refusal.value.problems]


BAD = {
    "no mapping": ("- a\n", "1:1", "A profile is a mapping"),
    "empty": ("", "1:1", "“profile” is missing"),
    "broken": ("profile: club\ntitle: [a\nx: y\n", "3:2", "This is no YAML"),
    "mapping in value": ("profile: a: b\n", "1:11", "This is no YAML: mapping values are not allowed here"),
    "tab": ("profile: club\n\ttitle: x\n", "2:1", "cannot start any token"),
    "control": ("profile: club\ntitle: a\x01b\n", "2:9", "control character"),
    "directive": ("%YAML 1.1\n---\nprofile: club\ntitle: x\n", "2:1", "Directives"),
    "second document": (HEAD + "---\na: 1\n", "3:1", "One file holds one document"),
    "tag": (HEAD + "summary: !!python/name:os.system x\n", "3:10", "Tags (!) are not read"),
    "own tag": (HEAD + "house: !Foo {name: x}\n", "3:8", "Tags"),
    "anchor": (HEAD + "summary: &a x\n", "3:10", "Anchors (&) are not read"),
    "alias": (HEAD + "summary: *title\n", "3:10", "Aliases (*) are not read"),
    "merge key": (HEAD + "house:\n  <<: {name: x}\n", "4:3", "Merge keys"),
    "duplicate key": (HEAD + "house: {name: a, name: b}\n", "3:18", "stands here twice; first in line 3"),
    "duplicate section": (HEAD + "groups: {}\ngroups: {}\n", "4:1", "“groups” stands here twice"),
    "key that is a list": (HEAD + "? [a]\n: b\n", "3:3", "A key is a text"),
    "unknown section": (
        HEAD + "tracker: {}\n",
        "3:1",
        "“tracker” is no entry of a profile. Did you mean “trackers”?",
    ),
    "no title": ("profile: club\n", "1:1", "“title” is missing"),
    "profile no key": ("profile: My Club\ntitle: x\n", "1:10", "“My Club” cannot be the key of a profile"),
    "unknown in tracker": (
        HEAD + "trackers:\n  person: {titel: x, title: y}\n",
        "4:12",
        "Did you mean “title”?",
    ),
    "tracker no mapping": (HEAD + "trackers:\n  person: People\n", "4:11", "described by a mapping"),
    "tracker no key": (
        HEAD + "trackers:\n  Person: {title: x}\n",
        "4:3",
        "“Person” cannot be the key of a tracker",
    ),
    "reserved": (HEAD + "trackers:\n  view: {title: x}\n", "4:3", "a word that Tracker uses itself"),
    "text is a list": (HEAD + "trackers:\n  person: {title: [x]}\n", "4:19", "“title” is a text"),
    "flag is text": (
        PERSON + "      a: {type: line, required: yes}\n",
        "8:33",
        "“required” is true or false",
    ),
    "unknown type": (
        PERSON + "      a: {type: intger}\n",
        "8:17",
        "There is no field type “intger”. Did you mean “integer”?",
    ),
    "no type": (PERSON + "      a: {label: A}\n", "8:10", "“type” is missing"),
    "reserved field": (PERSON + "      id: {type: line}\n", "8:7", "a word that Tracker uses itself"),
    "unknown option": (PERSON + "      a: {type: line, longst: 5}\n", "8:23", "Did you mean “longest”?"),
    "bad option": (PERSON + "      a: {type: line, longest: many}\n", "8:32", "longest: Not a valid integer"),
    "missing option": (PERSON + "      a: {type: choice}\n", "8:7", "The option “choices” of choice"),
    "bad choices": (PERSON + "      a: {type: choice, choices: 5}\n", "8:34", "Give the options as a list"),
    "bad encrypted": (
        PERSON + "      a: {type: link, to: person, encrypted: true}\n",
        "8:46",
        "cannot be encrypted",
    ),
    "bad unique": (PERSON + "      a: {type: yes_no, unique: true}\n", "8:33", "cannot be unique"),
    "bad search": (PERSON + "      a: {type: line, search: exact}\n", "8:31", "“search: exact” goes with"),
    "bad default": (PERSON + "      a: {type: integer, default: many}\n", "8:35", "number"),
    "unknown group": (
        PERSON + "      a: {type: line, grants: {read: [staff]}}\n",
        "8:39",
        "There is no group “staff”",
    ),
    "bad level": (
        PERSON + "      a: {type: line, grants: {write: [x]}}\n",
        "8:32",
        "“write” is no entry of a field's grants",
    ),
    "bad default level": (
        PERSON + "      a: {type: line, grants: {default: none}}\n",
        "8:41",
        "hidden, masked, read or edit",
    ),
    "link to nothing": (PERSON + "      a: {type: link, to: persom}\n", "8:27", "Did you mean “person”?"),
    "back links": (
        PERSON + "      a: {type: back_links, from: person.chef}\n",
        "8:35",
        "There is no field “chef”",
    ),
    "no back link": (
        PERSON + "      a: {type: back_links, from: person.name}\n",
        "8:35",
        "person.name is no link to People",
    ),
    "lookup": (PERSON + "      a: {type: lookup, link: name, field: name}\n", "8:31", "“name” is no link"),
    "count": (PERSON + "      a: {type: count, of: nothing}\n", "8:28", "There is no link “nothing”"),
    "formula": (PERSON + "      a: {type: formula, expression: nam || 'x'}\n", "8:38", "“nam”"),
    "circle": (
        PERSON + "      a: {type: formula, expression: b + 1}\n      b: {type: formula, expression: a + 1}\n",
        "8:38",
        "in a circle",
    ),
    "show_if": (PERSON + "      a: {type: line, show_if: name = }\n", "8:37", "cannot be read at “=”"),
    "status group": (
        PERSON + "      a: {type: status, states: {x: {label: X, who: [boss]}}}\n",
        "8:54",
        "There is no group “boss”",
    ),
    "name": (PERSON.replace("fields:", "name: [nam]\n    fields:"), "6:12", "Did you mean “name”?"),
    "column": (
        PERSON + "    views:\n      v: {title: V, columns: [name, nmae]}\n",
        "9:37",
        "Did you mean “name”?",
    ),
    "sort": (PERSON + "    views:\n      v: {title: V, sort: [-nam]}\n", "9:28", "There is no field “nam”"),
    "filter": (
        PERSON + "    views:\n      v: {title: V, filter: name = 'a' AND nam = 'b'}\n",
        "9:44",
        "“nam”",
    ),
    "filter in quotes": (
        PERSON + "    views:\n      v: {title: V, filter: \"nam = 'b'\"}\n",
        "9:30",
        "“nam”",
    ),
    "filter no condition": (PERSON + "    views:\n      v: {title: V, filter: name}\n", "9:29", "condition"),
    "rule": (
        PERSON + "    rules:\n      r: {check: name <> 'x', message: M, field: nam}\n",
        "9:50",
        "There is no field “nam”",
    ),
    "rule without message": (
        PERSON + "    rules:\n      r: {check: name <> ''}\n",
        "9:10",
        "“message” is missing",
    ),
    "grant to nobody": (
        PERSON + "    grants:\n      staff: {view: all}\n",
        "9:15",
        "There is no group “staff”",
    ),
    "unknown action": (
        PERSON + "    grants:\n      staff: {edit: all}\n",
        "9:15",
        "“edit” is no entry of a group's grants",
    ),
    "unknown scope": (PERSON + "    grants:\n      staff: {view: al}\n", "9:21", "Did you mean “all”?"),
    "scope linked": (
        PERSON + "    grants:\n      staff: {view: {linked: name}}\ngroups: {staff: {title: S}}\n",
        "9:30",
        "“name” is no link",
    ),
    "scope where": (
        PERSON + "    grants:\n      staff: {view: {where: nam = 'a'}}\ngroups: {staff: {title: S}}\n",
        "9:29",
        "“nam”",
    ),
    "includes": (HEAD + "groups:\n  a: {title: A, includes: [b]}\n", "4:28", "There is no group “b”"),
    "groups in a circle": (
        HEAD + "groups:\n  a: {title: A, includes: [b]}\n  b: {title: B, includes: [a]}\n",
        "4:27",
        "a → b → a",
    ),
    "house zone": (HEAD + "house: {zone: Europe/Wien}\n", "3:15", "There is no zone"),
    "house currency": (HEAD + "house: {currency: EURO}\n", "3:19", "Did you mean “EUR”?"),
    "unknown answer": (HEAD + "house: {name: $nme}\n", "3:15", "“$nme” is not asked"),
    "unknown answer inside": (HEAD + "house: {name: 'Club of ${twn}'}\n", "3:15", "“$twn” is not asked"),
    "question type": (
        HEAD + "questions:\n  a: {type: chioce, choices: [x]}\n",
        "4:13",
        "Did you mean “choice”?",
    ),
    "question default": (
        HEAD + "questions:\n  a: {type: choice, choices: [x], default: z}\n",
        "4:44",
        "“z” is not among",
    ),
    "include without folder": (HEAD + "include: [a.yaml]\n", "3:11", "came without its folder"),
    "demo without folder": (HEAD + "demo: a.jsonl\n", "3:7", "came without its folder"),
}


@pytest.mark.parametrize(("text", "place", "sentence"), BAD.values(), ids=BAD)
def test_a_mistake_is_named_with_its_place_and_the_nearest_word(text, place, sentence):
    first = problems_of(text)[0]

    assert first.startswith(f"{place}: ")
    assert sentence in first


def test_all_mistakes_are_told_at_once_up_to_a_limit():
    few = problems_of(HEAD + "house: {nam: a}\ntrackers:\n  person: {titel: x}\n  Dog: {title: y}\n")
    many = problems_of(HEAD + "".join(f"x{number}: 1\n" for number in range(100)))

    assert [problem.partition(": ")[0] for problem in few] == ["3:9", "5:12", "6:3"]
    assert len(many) == MOST_PROBLEMS


BOMBS = {
    "bytes": ("# " + "x" * MOST_BYTES, "at most 2000000 bytes"),
    "nodes": (HEAD + "x: [" + "a," * MOST_NODES + "]", "at most 50000 nodes"),
    "depth": (HEAD + "x: " + "[" * 100_000, "deeper than 30 levels"),
    "block depth": (
        HEAD + "".join(" " * depth + "x:\n" for depth in range(MOST_DEPTH + 5)),
        "deeper than 30",
    ),
    "aliases": (
        "a: &a [x]\n" + "".join(f"b{n}: &b{n} [*{'a' if not n else f'b{n - 1}'}, *a]\n" for n in range(30)),
        "are not read",
    ),
    "digits": (HEAD + "version: " + "9" * 100_000, "at most 10000 characters"),
}


@pytest.mark.parametrize(("text", "sentence"), BOMBS.values(), ids=BOMBS)
def test_a_bomb_is_refused_before_it_bursts(text, sentence):
    began = time.monotonic()

    assert sentence in problems_of(text)[0]
    assert time.monotonic() - began < 8


def test_text_that_is_not_utf8_is_refused_where_it_begins(tmp_path):
    (tmp_path / "club.yaml").write_bytes(b"profile: club\ntitle: caf\xe9\n")

    with pytest.raises(ProfileError, match=r"club.yaml:2:11: The text is not UTF-8\."):
        read_profile(tmp_path / "club.yaml", GROUND)


def test_parts_are_merged_into_the_profile(tmp_path):
    write(tmp_path, "club.yaml", HEAD + "include: [parts/a.yaml]\ntrackers:\n  person: {title: People}\n")
    write(
        tmp_path,
        "parts/a.yaml",
        "include: [parts/b.yaml]\ntrackers:\n  person: {fields: {a: {type: line}}}\n",
    )
    write(tmp_path, "parts/b.yaml", "groups: {staff: {title: Staff}}\n")

    profile = read_profile(tmp_path / "club.yaml", GROUND)

    assert profile.source.parts == ["parts/a.yaml", "parts/b.yaml"]
    assert list(profile.source.root.entries["groups"].entries) == ["staff"]


INCLUDES = {
    "circle": (
        "parts/a.yaml",
        "include: [club.yaml]\n",
        "a.yaml:1:11: The parts include each other in a circle: club.yaml",
    ),
    "itself": ("parts/a.yaml", "include: [parts/a.yaml]\n", "parts/a.yaml → parts/a.yaml"),
    "absolute": ("/etc/passwd", "", "club.yaml:3:11: “/etc/passwd” must be a path below"),
    "upward": ("../a.yaml", "", "must be a path below"),
    "link outside": ("parts/out.yaml", "", "lies outside the profile's folder"),
    "missing": ("parts/c.yaml", "", "There is no file “parts/c.yaml”"),
    "set twice": ("parts/a.yaml", "house: {name: B}\n", "a.yaml:1:9: “name” is set already, at"),
    "head in a part": ("parts/a.yaml", "title: B\n", "a.yaml:1:1: A part holds include"),
    "mistake in a part": ("parts/a.yaml", "groups:\n  a: {titel: x}\n", "a.yaml:2:7: “titel”"),
    "broken part": ("parts/a.yaml", "groups: [\n", "a.yaml:2:1: This is no YAML"),
}


@pytest.mark.parametrize(("name", "text", "sentence"), INCLUDES.values(), ids=INCLUDES)
def test_a_part_stays_in_the_folder_and_is_blamed_by_its_own_name(tmp_path, name, text, sentence):
    write(tmp_path, "outside.yaml", "groups: {}\n")
    folder = tmp_path / "club"
    write(folder, "club.yaml", HEAD + f"include: [{name}]\nhouse: {{name: A}}\n")
    write(folder, "parts/a.yaml", text)
    (folder / "parts/out.yaml").symlink_to(tmp_path / "outside.yaml")

    with pytest.raises(ProfileError) as refusal:
        read_profile(folder / "club.yaml", GROUND)

    assert sentence in str(refusal.value)


def test_plain_scalars_are_read_by_yaml_1_2():
    fields = "      a: {type: choice, choices: {yes: 'Yes', no: No, 1: One, 2026-01-01: Day}}\n"
    profile = read_profile_text(PERSON + fields, GROUND)
    options = profile.source.root.entries["trackers"].entries["person"].entries["fields"].entries["a"].plain()

    assert options["choices"] == {"yes": "Yes", "no": "No", "1": "One", "2026-01-01": "Day"}


def test_a_profile_is_found_by_name_or_by_path(tmp_path):
    write(tmp_path, "club.yaml", HEAD)

    assert find(str(tmp_path / "club.yaml")) == tmp_path / "club.yaml"
    assert all(find(name) == path for name, path in shipped().items())
    with pytest.raises(Unknown, match="There is no profile “no_such_profile”"):
        find("no_such_profile")
    with pytest.raises(Unknown, match="There is no file “./no/such.yaml”"):
        find("./no/such.yaml")


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_profile_is_without_mistakes(name):
    assert read_profile(name, GROUND).name == name


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
