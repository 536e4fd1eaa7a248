"""The questions of a profile, and their answers put into its tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import marshmallow

from tracker.core.profile.entries import Entries
from tracker.core.profile.fieldtypes import find_type, refuse_options
from tracker.core.profile.problems import Problems, hint
from tracker.core.profile.tree import Node
from tracker.errors import Invalid, Unknown
from tracker.fields.base import FieldType
from tracker.fields.registry import TypeRegistry
from tracker.i18n import Message, _

_OPTION_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,47}")
_WHOLE = re.compile(r"\$([a-z][a-z0-9_]*)")
_INSIDE = re.compile(r"\$\$|\$\{([^{}]{0,100})\}")


@dataclass(frozen=True)
class Question:
    """Something that is asked before a profile is applied."""

    key: str
    label: str
    help: str
    type: FieldType
    default: Any  # judged; None: it has to be answered

    def judge(self, raw: Any) -> Any:
        """Judge an answer, given as text or in its native or JSON form.

        :raises Invalid: it is none.
        """
        return self.type.judge_text(raw) if isinstance(raw, str) else self.type.judge(raw)


@dataclass(frozen=True)
class Answers:
    """Judged answers by question, with what goes into the file for each."""

    values: Mapping[str, Any] = field(default_factory=dict)  # JSON forms
    texts: Mapping[str, str] = field(default_factory=dict)


def read_questions(top: Entries, types: TypeRegistry, problems: Problems) -> tuple[Question, ...]:
    """Read the section `questions`; each is checked as a field of its type would be."""
    found = []
    for key, node, place in top.keyed("questions", what="a question"):
        entries = Entries(node, "a question", problems)
        cls = find_type(entries, types)
        label = entries.text("label") or key.replace("_", " ").capitalize()
        about = entries.text("help") or ""
        default = entries.get("default")
        if cls is None:
            continue
        options = {name: each.plain() for name, each in entries.rest().items()}
        if isinstance(options.get("choices"), list):
            options["choices"] = [_as_written(each) for each in options["choices"]]
        try:
            bound = cls(options)
        except marshmallow.ValidationError as error:
            refuse_options(entries, cls, error, place=place)
            continue
        question = Question(key, label, about, bound, None)
        found.append(_with_default(question, default, problems) if default is not None else question)
    return tuple(found)


def _as_written(choice: Any) -> Any:
    """Return an option whose key is the word itself: `EUR` is put into the file as `EUR`."""
    bare = isinstance(choice, (str, int)) and not isinstance(choice, bool)
    if bare and _OPTION_KEY.fullmatch(str(choice)):
        return {"key": str(choice), "label": str(choice)}
    return choice


def _with_default(question: Question, node: Node, problems: Problems) -> Question:
    try:
        default = question.judge(node.plain())
    except Invalid as error:
        problems.add(node.place, error.message)
        default = None
    return Question(question.key, question.label, question.help, question.type, default)


def judge_answers(questions: tuple[Question, ...], *given: Mapping[str, Any]) -> Answers:
    """Return the answers: of each question the first that is given, else its default.

    :raises Unknown: the first mapping answers what is not asked.
    :raises Invalid: by question, what is no answer or missing.
    """
    by_key = {question.key: question for question in questions}
    for name in given[0] if given else ():
        if name not in by_key:
            raise Unknown("question", name, by_key)
    values: dict[str, Any] = {}
    refused: dict[str, list[Message]] = {}
    for key, question in by_key.items():
        raw = next((answers[key] for answers in given if answers.get(key) not in (None, "")), None)
        try:
            values[key] = question.default if raw is None else question.judge(raw)
        except Invalid as error:
            refused[key] = [_("%(label)s: %(why)s", label=question.label, why=error.message)]
            continue
        if values[key] is None:
            refused[key] = [_("Answer the question “%(key)s”: %(label)s.", key=key, label=question.label)]
    if refused:
        raise Invalid.of(refused)
    return Answers(
        {key: by_key[key].type.to_json(value) for key, value in values.items()},
        {key: by_key[key].type.text(value) for key, value in values.items()},
    )


def sample_answers(questions: tuple[Question, ...]) -> Answers:
    """Return an answer to every question, so that a profile can be checked before it is answered."""
    values: dict[str, Any] = {}
    for question in questions:
        offered = question.type.control().choices
        raws = [offered[0][0]] if offered else [raw for raw in question.type.good if raw is not None]
        values[question.key] = question.default if question.default is not None else raws[0] if raws else "1"
    return judge_answers(questions, values)


def put_in(node: Node, answers: Answers, problems: Problems) -> Node:
    """Return the tree with `$name` and `${name}` replaced."""
    if isinstance(node.value, dict):
        value: Any = {key: put_in(each, answers, problems) for key, each in node.value.items()}
        return Node(node.place, value, keys=node.keys)
    if isinstance(node.value, list):
        return Node(node.place, [put_in(each, answers, problems) for each in node.value])
    if not isinstance(node.value, str) or "$" not in node.value:
        return node
    whole = _WHOLE.fullmatch(node.value)
    if whole:
        if whole[1] in answers.values:
            return _node_of(node, answers.values[whole[1]], answers.texts[whole[1]])
        _refuse(node, whole[1], answers.values, problems=problems)
        return node

    def replaced(found: re.Match[str]) -> str:
        if found[1] is None:
            return "$"
        if found[1] not in answers.texts:
            _refuse(node, found[1], answers.texts, problems=problems)
        return answers.texts.get(found[1], "")

    text = _INSIDE.sub(replaced, node.value)
    return node if text == node.value else Node(node.place, text, raw=text)


def _node_of(node: Node, value: Any, text: str = "") -> Node:
    if isinstance(value, dict):
        entries = {key: _node_of(node, each) for key, each in value.items()}
        return Node(node.place, entries, keys=dict.fromkeys(entries, node.place))
    if isinstance(value, list):
        return Node(node.place, [_node_of(node, each) for each in value])
    return Node(node.place, value, raw=text or str(value))


def _refuse(node: Node, name: str, known: Iterable[str], *, problems: Problems) -> None:
    near = hint(name, known)
    message = _(
        "“$%(name)s” is not asked by any question.%(near)s $$ is a dollar sign.", name=name, near=near
    )
    problems.add(node.place, message)
