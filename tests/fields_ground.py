"""The built-in field types, bound with their samples, and what tests of values ask of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from markupsafe import Markup

from tracker.errors import Invalid
from tracker.fields import BUILTIN
from tracker.fields.base import FieldType, TextDialect

TYPES = {cls.name: cls for cls in BUILTIN}
STORED = [name for name, cls in TYPES.items() if not cls.computed]
GERMAN = TextDialect(date_order="dmy", decimal=",", country="AT", zone="Europe/Vienna")


def bound(name: str) -> FieldType:
    return TYPES[name](TYPES[name].sample_options)


def code_of(field: FieldType, raw: Any) -> str:
    with pytest.raises(Invalid) as caught:
        field.judge(raw)
    assert str(caught.value).isprintable()
    return caught.value.code


def can_be_sent(error: Invalid) -> None:
    """Assert that the sentence of a refusal can go out, whatever the refused value holds."""
    assert str(error).encode()


def there_and_back(field: FieldType, value: Any) -> None:
    """Assert that every form of a judged value leads back to it."""
    if value is None:
        return
    text = field.text(value)
    assert field.parse(text) == value
    assert field.judge_text(text) == value
    assert field.judge(value) == value
    assert field.judge(json.loads(json.dumps(field.to_json(value)))) == value
    assert field.collect(field.form_text(value)) == value
    assert field.collect(field.form_text(value, GERMAN), GERMAN) == value
    elements = value if field.many else (value,)
    columns = field.columns()
    back = []
    for element in elements:
        stored = field.dump(element)
        assert len(stored) == len(columns)
        assert stored[0] is not None
        as_json = [part.storage.to_json(each) for part, each in zip(columns, stored, strict=True)]
        kept = json.loads(json.dumps(as_json))
        back.append(
            field.load([part.storage.from_json(each) for part, each in zip(columns, kept, strict=True)])
        )
    assert tuple(back) == tuple(elements)
    assert isinstance(field.format(value), str)
    assert isinstance(field.html(value), Markup)
    if field.searchable:
        assert isinstance(field.search_text(value), str)
