"""A profile read from its file and checked: with what the workspace has, or alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import available_timezones

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers
from babel.numbers import list_currencies

from tracker.core.base.transaction import Reading
from tracker.core.design.bound import Trackers
from tracker.core.design.definitions import Design
from tracker.core.design.store import read_design
from tracker.core.profile.answers import Answers, Question, put_in, read_questions, sample_answers
from tracker.core.profile.compose import compose, numbered
from tracker.core.profile.entries import Entries, no_key
from tracker.core.profile.files import Source, find, inside, load_file, load_text
from tracker.core.profile.pieces import Piece, PieceReader
from tracker.core.profile.problems import Problems
from tracker.core.profile.references import References
from tracker.core.profile.rename import find_renames, rename
from tracker.core.profile.tree import Node
from tracker.errors import Unknown
from tracker.fields.countries import country_names
from tracker.fields.keys import is_key
from tracker.fields.registry import TypeRegistry
from tracker.i18n import Message, _

HOUSE = ("name", "locale", "zone", "country", "currency")


@dataclass(frozen=True)
class Ground:
    """What a profile is checked against. Without a workspace only the field types are known."""

    types: TypeRegistry
    design: Design | None = None
    plugins: Collection[str] | None = None
    behaviors: Collection[str] | None = None
    icons: Collection[str] | None = None

    @classmethod
    def of(cls, reading: Reading) -> Ground:
        """Return what the workspace has."""
        hooks = reading.workspace.hooks
        return cls(
            reading.workspace.types,
            read_design(reading),
            tuple(hooks.plugins),
            tuple(hooks.registered.behaviors),
            reading.workspace.icons(),
        )


@dataclass(frozen=True)
class Content:
    """What a profile says once its questions are answered."""

    pieces: tuple[Piece, ...]
    house: Mapping[str, str]


@dataclass(frozen=True)
class Profile:
    """A profile that has been read: its head and questions; `content` says the rest."""

    name: str
    title: str
    version: str
    summary: str
    questions: tuple[Question, ...]
    demo: Path | None
    text: str
    source: Source = field(repr=False)
    upgrades: tuple[str, ...] = ()  # versions on which it can be applied; empty: on all

    @property
    def builds_on(self) -> tuple[str, ...]:
        """Keys of the profiles that it extends, the nearest first."""
        return self.source.builds_on

    def content(self, answers: Answers, ground: Ground) -> Content:
        """Return what the profile says with these answers.

        :raises ProfileError: it is wrong, or does not fit the ground.
        """
        problems = Problems()
        top = Entries(self._answered(answers, problems), "a profile", problems)
        asked = self.source.root.entries.get("house")
        house = _house(top, problems, asked.entries if asked is not None else {})
        pieces = tuple(PieceReader(ground.types, problems).read(top))
        _behaviors(pieces, ground, problems)
        _icons(pieces, ground, problems)
        _plugins(top, ground, problems)
        problems.check()
        _references(pieces, ground, problems)
        problems.check()
        return Content(pieces, house)

    def _answered(self, answers: Answers, problems: Problems) -> Node:
        root = self.source.root
        entries = {
            name: put_in(each, answers, problems) if name in ("house", "groups", "trackers") else each
            for name, each in root.entries.items()
        }
        return Node(root.place, entries, keys=root.keys)


def read_profile(name_or_path: str | Path, ground: Ground) -> Profile:
    """Read and check a profile that is given by the name of a shipped one, or by its path.

    :raises ProfileError: with up to 20 problems and their places.
    :raises Unknown: there is no such profile or file.
    """
    path = name_or_path if isinstance(name_or_path, Path) else find(name_or_path)
    problems = Problems()
    return _read(load_file(path, problems), ground, problems)


def read_profile_text(text: str, ground: Ground, *, file: str = "profile.yaml") -> Profile:
    """Read and check a profile that came as a text; it cannot include files.

    :raises ProfileError: with up to 20 problems and their places.
    """
    problems = Problems()
    return _read(load_text(text, problems, file=file), ground, problems)


def _read(source: Source, ground: Ground, problems: Problems) -> Profile:
    top = Entries(source.root, "a profile", problems)
    name = top.text("profile", required=True) or ""
    if name and not is_key(name, reserved=()):
        problems.add(source.root.entries["profile"].place, no_key(name, "a profile", ()))
    title, version = top.text("title", required=True) or name, top.text("version") or "1"
    summary, upgrades = top.text("summary") or "", tuple(_versions(top))
    questions = read_questions(top, ground.types, problems)
    demo = _demo(top, source, problems)
    for section in ("extends", "requires", "include", "house", "groups", "trackers"):
        top.get(section)
    top.finish()
    profile = Profile(name, title, version, summary, questions, demo, source.text, source, upgrades)
    problems.check()
    profile.content(sample_answers(questions), ground)
    return profile


def _versions(top: Entries) -> list[str]:
    """Read `upgrades`; a version counts as it is written, `1.10` too."""
    node = top.get("upgrades")
    nodes = [] if node is None else node.items if isinstance(node.value, list) else [node]
    for each in nodes:
        if isinstance(each.value, (bool, list, dict)):
            top.problems.add(each.place, _("“upgrades” is a list of versions, such as [1.0.0]."))
    return [each.raw for each in nodes]


def _demo(top: Entries, source: Source, problems: Problems) -> Path | None:
    name = top.text("demo")
    if name is None:
        return None
    path = inside(source.demo_folder, name)
    if isinstance(path, Message):
        problems.add(source.root.entries["demo"].place, path)
        return None
    return path


def _house(top: Entries, problems: Problems, asked: Mapping[str, Node]) -> dict[str, str]:
    """Read what the workspace says of itself.

    :param asked: the entries before answers were put in, so that an answer is blamed by its question.
    """
    node = top.get("house")
    if node is None:
        return {}
    entries = Entries(node, "the house", problems)
    found = {name: text for name in HOUSE if (text := entries.text(name)) is not None}
    entries.finish()
    for name, each in node.entries.items():
        message = _house_refusal(name, found.get(name, "" if each.value == "" else None))
        if message is None:
            continue
        if (written := asked[name].raw if name in asked else "").startswith("$"):
            message = _(
                "%(told)s It is the answer to “%(question)s”.", told=message, question=written.strip("${}")
            )
        problems.add(each.place, message)
    return found


def _house_refusal(name: str, text: str | None) -> Message | None:
    """Return why the house cannot be so, with the nearest name; only its country and name may be empty."""
    if text is None or (not text and name in ("name", "country")):
        return None
    known: Collection[str] | None = None
    if name == "locale":
        known = () if _is_locale(text) else locale_identifiers()
    elif name == "zone":
        known = available_timezones()
    elif name == "country":
        known = country_names()
    elif name == "currency":
        known = list_currencies()
    return Unknown(name, text[:100], known).message if known and text not in known else None


def _is_locale(text: str) -> bool:
    try:
        Locale.parse(text)
    except (UnknownLocaleError, ValueError, TypeError):
        return False
    return True


def _plugins(top: Entries, ground: Ground, problems: Problems) -> None:
    node = top.get("requires")
    if node is None:
        return
    entries = Entries(node, "requires", problems)
    plugins = entries.get("plugins")
    entries.finish()
    for each in entries.word_nodes(plugins, "plugins") if plugins is not None else ():
        if ground.plugins is not None and each.raw not in ground.plugins:
            problems.add(each.place, Unknown("plugin", each.raw, ground.plugins).message)


def _behaviors(pieces: tuple[Piece, ...], ground: Ground, problems: Problems) -> None:
    for piece in pieces:
        node = piece.node.entries.get("behaviors") if piece.kind == "tracker" else None
        if node is None or ground.behaviors is None:
            continue
        for each in node.items or [node]:
            if each.raw and each.raw not in ground.behaviors:
                problems.add(each.place, Unknown("behavior", each.raw, ground.behaviors).message)


def _icons(pieces: tuple[Piece, ...], ground: Ground, problems: Problems) -> None:
    for piece in pieces:
        icon = piece.body.get("icon")
        if icon and ground.icons is not None and icon not in ground.icons:
            problems.add(piece.node.entries["icon"].place, Unknown("icon", icon[:100], ground.icons).message)


def _references(pieces: tuple[Piece, ...], ground: Ground, problems: Problems) -> None:
    """Check names and expressions against the design that the whole profile makes of the ground's."""
    design = ground.design or Design()
    there = {(each.kind, path) for path, each in design.walk()}
    missing = [piece for piece in pieces if piece.extends and (piece.kind, piece.key) not in there]
    if missing and ground.design is None:
        return  # what it builds on is somewhere else: the plan will tell
    for piece in missing:
        known = [path for kind, path in there if kind == piece.kind]
        problems.add(piece.place, Unknown(piece.kind, piece.key, known).message)
    problems.check()
    renamed = rename(design, find_renames(design, pieces))
    wanted = numbered(compose(renamed, pieces, {}))
    References(Trackers.bind(wanted, ground.types), problems).check(pieces)
