"""The files of a profile: found by name or path, its parts read and merged into one tree."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import tracker
from tracker.core.profile.problems import Place, Problem, Problems, ProfileError
from tracker.core.profile.tree import MOST_BYTES, Budget, Node, decode, parse
from tracker.errors import Misconfigured, Unknown
from tracker.fields.keys import is_key
from tracker.i18n import Message, _

MOST_FILES = 100
PART_SECTIONS = ("include", "questions", "house", "groups", "trackers", "demo")


@dataclass
class Source:
    """A profile's tree with its parts merged in, and what it was read from."""

    root: Node
    text: str  # of all files, one after the other
    file: str
    folder: Path | None  # None: it came without files beside it
    parts: list[str] = field(default_factory=list)


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
    return _load(data, str(path), path.resolve().parent, problems=problems)


def load_text(text: str, problems: Problems, *, file: str = "profile.yaml") -> Source:
    """Read a profile that came as a text, without files beside it.

    :raises ProfileError: it is no YAML, or beyond the budget.
    """
    return _load(text.encode("utf-8", "surrogatepass"), file, None, problems=problems)


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


def _load(data: bytes, file: str, folder: Path | None, *, problems: Problems) -> Source:
    budget = Budget(problems=problems)
    text = decode(data, file, budget)
    root = parse(text, file, budget)
    source = Source(root, text, file, folder)
    if not isinstance(root.value, dict):
        raise ProfileError([Problem(root.place, _("A profile is a mapping: profile, title, trackers, …"))])
    name = Path(file).name
    _take_parts(source, root, (name,), budget=budget)
    problems.check()
    return source


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
