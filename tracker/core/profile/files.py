"""The files of a profile: found by name or path, its parts read and merged into one tree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import tracker
from tracker.core.profile.problems import Place, Problem, Problems, ProfileError
from tracker.core.profile.tree import MOST_BYTES, Budget, Node, decode, parse
from tracker.errors import Misconfigured, Unknown
from tracker.fields.keys import is_key
from tracker.i18n import Message, _

MOST_FILES = 100
HEAD = ("profile", "title", "version", "summary", "upgrades", "extends")  # each profile's own
PART_SECTIONS = ("include", "questions", "house", "groups", "trackers", "demo")


@dataclass
class Source:
    """A profile's tree with its parts merged in, and what it was read from."""

    root: Node
    text: str  # of all files, one after the other
    file: str
    folder: Path | None  # None: it came without files beside it
    parts: list[str] = field(default_factory=list)
    builds_on: tuple[str, ...] = ()  # keys of the profiles that it extends, the nearest first
    demo_folder: Path | None = None  # of the profile that says which demo data there are


def shipped() -> dict[str, Path]:
    """Return the profiles that come with Tracker, by name: of the installed package, or of the checkout."""
    package = Path(tracker.__file__).parent
    for folder in (package / "_profiles", package.parent / "profiles"):
        if folder.is_dir():
            found = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
            return found | {path.parent.name: path for path in sorted(folder.glob("*/profile.yaml"))}
    return {}


def find(name_or_path: str) -> Path:
    """Return the file of a profile that is given by the name of a shipped one or by its path.

    :raises Unknown: there is neither.
    """
    known = shipped()
    if name_or_path in known:
        return known[name_or_path]
    path = Path(name_or_path)
    if path.is_file():
        return path
    if is_key(name_or_path, reserved=()):
        raise Unknown("profile", name_or_path, known)
    raise Unknown("file", name_or_path)


def load_file(path: Path, problems: Problems) -> Source:
    """Read a profile and its parts.

    :raises ProfileError: a file is no YAML or beyond the budget.
    :raises Misconfigured: the file cannot be read.
    """
    try:
        with path.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise Misconfigured(_("%(path)s cannot be read: %(why)s.", path=path, why=error.strerror)) from error
    return _load(data, str(path), path.resolve().parent, budget=Budget(problems=problems))


def load_text(text: str, problems: Problems, *, file: str = "profile.yaml") -> Source:
    """Read a profile that came as a text, without files beside it.

    :raises ProfileError: it is no YAML, or beyond the budget.
    """
    return _load(text.encode("utf-8", "surrogatepass"), file, None, budget=Budget(problems=problems))


def inside(folder: Path | None, name: str) -> Path | Message:
    """Return the path of a file that a profile names, or why it may not: only its own folder is open."""
    if folder is None:
        return _("This profile came without its folder, so “%(name)s” is not there.", name=name)
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\\" in name or ":" in name or "\0" in name:
        return _(
            "“%(name)s” must be a path below the profile's folder, such as parts/people.yaml.", name=name
        )
    path = folder / name
    if not path.resolve().is_relative_to(folder):
        return _("“%(name)s” lies outside the profile's folder.", name=name)
    if not path.is_file():
        return _("There is no file “%(name)s”.", name=name)
    return path


def _load(
    data: bytes, file: str, folder: Path | None, *, budget: Budget, trail: tuple[Path, ...] = ()
) -> Source:
    text = decode(data, file, budget)
    root = parse(text, file, budget)
    source = Source(root, text, file, folder, demo_folder=folder)
    if not isinstance(root.value, dict):
        raise ProfileError([Problem(root.place, _("A profile is a mapping: profile, title, trackers, …"))])
    name = Path(file).name
    _take_parts(source, root, (name,), budget=budget)
    budget.problems.check()
    if folder is not None:
        trail = (*trail, folder / name)
    return _extended(source, trail, budget=budget)


# -- a profile that builds on another ---------------------------------------------------------


def _extended(source: Source, trail: tuple[Path, ...], *, budget: Budget) -> Source:
    """Return a profile with what it extends below it.

    :raises ProfileError: there is no such profile, or they extend each other in a circle.
    """
    node = source.root.entries.get("extends")
    if node is None or node.value is None:
        return source
    path = _base_path(source, node)
    if isinstance(path, Message):
        raise ProfileError([Problem(node.place, path)])
    if path.resolve() in [each.resolve() for each in trail]:
        circle = " → ".join([*(_name_of(each) for each in trail), _name_of(path)])
        message = _("The profiles extend each other in a circle: %(circle)s.", circle=circle)
        raise ProfileError([Problem(node.place, message)])
    with path.open("rb") as opened:
        data = opened.read(max(budget.bytes, 0) + 1)
    base = _load(data, str(path), path.resolve().parent, budget=budget, trail=trail)
    key = base.root.entries["profile"].raw if "profile" in base.root.entries else _name_of(path)
    mine = source.root.entries.get("profile")
    if mine is not None and mine.raw == key:
        message = _("A profile that extends “%(key)s” has another key.", key=key)
        raise ProfileError([Problem(mine.place, message)])
    root = over(base.root, source.root)
    root.value.pop("include", None)
    return replace(
        source,
        root=root,
        text=f"{source.text}\n# extends {key}\n{base.text}",
        parts=[*source.parts, *base.parts],
        builds_on=(key, *base.builds_on),
        demo_folder=source.folder if "demo" in source.root.entries else base.demo_folder,
    )


def _base_path(source: Source, node: Node) -> Path | Message:
    known = shipped()
    if isinstance(node.value, str) and node.value in known:
        return known[node.value]
    if not isinstance(node.value, str):
        return _("“extends” is the name of a shipped profile, or a file below this one's folder.")
    found = inside(source.folder, node.value)
    if isinstance(found, Message) and is_key(node.value, reserved=()):
        return Unknown("profile", node.value, known).message
    return found


def _name_of(path: Path) -> str:
    return path.parent.name if path.name == "profile.yaml" else path.stem


def over(base: Node, mine: Node) -> Node:
    """Return a tree in which `mine` lies over `base`: mappings become one, null takes away, all else replaces.

    What belongs to the head of the base alone is left out.
    """
    return _over(base, mine, leave=frozenset(HEAD))


def _over(base: Node, mine: Node, *, leave: frozenset[str] = frozenset()) -> Node:
    if not (isinstance(base.value, dict) and isinstance(mine.value, dict)):
        return mine
    types = [each.entries["type"].raw for each in (base, mine) if "type" in each.entries]
    if len(set(types)) > 1:
        return mine  # options of another type mean nothing here
    entries = {key: each for key, each in base.entries.items() if key not in leave}
    keys = {key: base.key_place(key) for key in entries}
    for key, each in mine.entries.items():
        if key == "extends" and not leave and key not in base.entries:
            continue  # it says what is so anyway
        keys[key] = mine.key_place(key)
        if each.value is None:
            entries.pop(key, None)
        elif key == "requires" and leave:
            entries[key] = _both(entries[key], each) if key in entries else each
        else:
            entries[key] = _over(entries[key], each) if key in entries else each
    return Node(mine.place, entries, keys=keys)


def _both(base: Node, mine: Node) -> Node:
    """Return what two profiles require together."""
    plugins = [each.entries.get("plugins") for each in (base, mine)]
    nodes = [one for each in plugins if each is not None for one in (each.items if each.items else [each])]
    nodes = [each for each in nodes if isinstance(each.value, str)]
    unknown = {key: each for key, each in (base.entries | mine.entries).items() if key != "plugins"}
    keys = {**base.keys, **mine.keys}
    return Node(mine.place, {"plugins": Node(mine.place, nodes), **unknown}, keys=keys)


# -- parts ------------------------------------------------------------------------------------


def _take_parts(source: Source, node: Node, trail: tuple[str, ...], *, budget: Budget) -> None:
    """Read the parts that a file includes, and theirs, and merge them into the root."""
    problems = budget.problems
    included = node.entries.get("include")
    if included is None or included.value is None:
        return
    if not isinstance(included.value, list):
        problems.add(included.place, _("Give “include” as a list of files."))
        return
    for each in included.items:
        name = str(PurePosixPath(each.raw)) if isinstance(each.value, str) else ""
        path = inside(source.folder, name)
        if name in trail:
            circle = " → ".join((*trail, name))
            problems.add(
                each.place, _("The parts include each other in a circle: %(circle)s.", circle=circle)
            )
        elif isinstance(path, Message):
            problems.add(each.place, path)
        elif len(source.parts) >= MOST_FILES:
            problems.add(each.place, _("A profile has at most %(most)d parts.", most=MOST_FILES))
        elif name not in source.parts:
            source.parts.append(name)
            _take_part(source, path, (*trail, name), budget=budget)


def _take_part(source: Source, path: Path, trail: tuple[str, ...], *, budget: Budget) -> None:
    file = str(Path(source.file).parent / trail[-1])
    with path.open("rb") as opened:
        text = decode(opened.read(max(budget.bytes, 0) + 1), file, budget)
    part = parse(text, file, budget)
    source.text += f"\n# {trail[-1]}\n{text}"
    _take_parts(source, part, trail, budget=budget)
    if not isinstance(part.value, dict):
        budget.problems.add(part.place, _("A part is a mapping: groups, trackers, …"))
        return
    for section, node in part.entries.items():
        place: Place = part.key_place(section)
        if section not in PART_SECTIONS:
            message = _(
                "A part holds %(known)s, not “%(name)s”.", known=", ".join(PART_SECTIONS), name=section
            )
            budget.problems.add(place, message)
        elif section != "include":
            _merge(source.root, section, node, place=place, problems=budget.problems)


def _merge(into: Node, key: str, node: Node, *, place: Place, problems: Problems) -> None:
    """Put an entry into a mapping; two mappings become one, anything else may be set only once."""
    there = into.entries.get(key)
    if there is None:
        into.value[key] = node
        into.keys[key] = place
    elif isinstance(there.value, dict) and isinstance(node.value, dict):
        for name, each in node.entries.items():
            _merge(there, name, each, place=node.key_place(name), problems=problems)
    else:
        problems.add(place, _("“%(key)s” is set already, at %(there)s.", key=key, there=into.key_place(key)))
