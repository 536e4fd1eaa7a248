"""Options of field types: a marshmallow schema that loads into a frozen, typed object."""

from __future__ import annotations

import re
from dataclasses import dataclass, make_dataclass
from datetime import date, datetime
from typing import Any, ClassVar

import marshmallow
from marshmallow import RAISE, fields, post_load, validate

from tracker.fields.keys import is_key, key_for

Range = validate.Range
OneOf = validate.OneOf
Length = validate.Length


class OptionsSchema(marshmallow.Schema):
    """Base of every type's `Options`: unknown options are refused, the result is frozen."""

    class Meta:
        """Marshmallow's own settings."""

        unknown = RAISE
        register = False

    _frozen: ClassVar[Any] = None

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Let an option be left empty where it has a default of None."""
        if field_obj.load_default is None:
            field_obj.allow_none = True

    @post_load
    def freeze(self, data: dict[str, Any], **_kwargs: Any) -> Any:
        """Turn the loaded options into a frozen object with one attribute an option."""
        cls = type(self)
        if "_frozen" not in vars(cls):
            cls._frozen = make_dataclass(
                cls.__qualname__, [(name, Any, None) for name in self.fields], frozen=True
            )
        return cls._frozen(**data)


class WholeNumber(fields.Integer):
    """An exact integer: neither `2.0` nor `true` nor `"2"` passes."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strict=True, **kwargs)

    def _validated(self, value: Any) -> int:
        if isinstance(value, (bool, str)):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Day(fields.Field[date]):
    """A day, written as `2026-11-24`, or given as YAML gives it."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> date:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        try:
            return date.fromisoformat(value)
        except (TypeError, ValueError):
            raise marshmallow.ValidationError("Write the day as 2026-11-24.") from None


class Name(fields.String):
    """The key of a field or tracker, or with `path` two of them: `tracker.field`."""

    def __init__(self, *, path: bool | None = False, **kwargs: Any) -> None:
        """Take a key; or a path (`path=True`); or either (`path=None`)."""
        super().__init__(**kwargs)
        self.path = path

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> str:
        text = str(super()._deserialize(value, attr, data, **kwargs))
        parts = text[:200].split(".")
        counts = {True: (2,), False: (1,), None: (1, 2)}[self.path]
        if len(parts) not in counts or not all(is_key(part, reserved=()) for part in parts):
            raise marshmallow.ValidationError(
                "Give tracker.field." if self.path else "Give a key, such as birth_date."
            )
        return text


@dataclass(frozen=True)
class Option:
    """One option of a choice: the key is kept for ever, the label is what people read."""

    key: str
    label: str
    color: str = "grey"
    retired: bool = False


TONES = ("grey", "red", "orange", "amber", "green", "blue", "violet", "pink")
NEW_TONES = ("blue", "violet", "green", "amber", "pink", "orange")  # given in turn to new options


_OPTION_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,47}")


def is_option_key(text: str) -> bool:
    """Say whether a text may be the key of an option."""
    return bool(_OPTION_KEY.fullmatch(text))


class OptionList(fields.Field[tuple[Option, ...]]):
    """The options of a choice.

    Written as a list of labels, a list of `{key, label, color, retired}`, or a mapping from key to a label
    or to such a mapping. Keys are made from labels where they are left out.
    """

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Option, ...]:
        if isinstance(value, dict):
            value = [
                {"key": key, **(entry if isinstance(entry, dict) else {"label": entry})}
                for key, entry in value.items()
            ]
        if not isinstance(value, (list, tuple)):
            raise marshmallow.ValidationError("Give the options as a list.")
        options: list[Option] = []
        taken: set[str] = set()
        for number, given in enumerate(value):
            bare = isinstance(given, (str, int)) and not isinstance(given, bool)
            entry = {"label": given} if bare else given
            if not isinstance(entry, dict) or not set(entry) <= {"key", "label", "color", "retired", "was"}:
                raise marshmallow.ValidationError("An option is a label, or {key, label, color, retired}.")
            label = str(entry.get("label", entry.get("key", "")))
            key = str(entry.get("key") or key_for(label, taken=taken, prefix="option", reserved=()))
            color = str(entry.get("color", NEW_TONES[number % len(NEW_TONES)]))
            if not is_option_key(key):
                raise marshmallow.ValidationError(
                    f"The key “{key[:60]}” is no word of letters, digits and _."
                )
            if key in taken:
                raise marshmallow.ValidationError(f"The option “{key}” is there twice.")
            if not label:
                raise marshmallow.ValidationError("An option needs a label.")
            if color not in TONES:
                raise marshmallow.ValidationError(f"“{color}” is no colour; take one of {', '.join(TONES)}.")
            taken.add(key)
            options.append(Option(key, label, color, bool(entry.get("retired", False))))
        return tuple(options)
