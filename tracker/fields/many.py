"""What all many-valued types share: a tuple of distinct elements, each judged for itself."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from markupsafe import Markup

from tracker.errors import Invalid
from tracker.fields.base import CANONICAL, Control, FieldType, TextDialect, joined, refuse_type, split_texts
from tracker.i18n import PLAIN, Reader, _


class ManyValued(FieldType):
    """A field that holds several elements. A family says how one element is judged, written and shown."""

    many = True
    sortable = False
    most: ClassVar[int] = 500  # elements
    longest: ClassVar[int] = 100_000  # characters of the text of all

    def element(self, raw: Any, dialect: TextDialect) -> Any:
        """Judge one element, given natively, as its JSON form or as text.

        :raises Invalid: with a stable code and a sentence.
        """
        raise NotImplementedError(type(self).__name__)

    def element_text(self, element: Any) -> str:
        """Return the canonical text of one element."""
        return str(element)

    def element_json(self, element: Any) -> Any:
        """Return the JSON form of one element."""
        return self.element_text(element)

    def element_format(self, element: Any, reader: Reader) -> str:
        """Show one element to a person, in plain text."""
        return self.element_text(element)

    def element_html(self, element: Any, reader: Reader) -> Markup:
        """Show one element on a page."""
        return Markup("%s") % self.element_format(element, reader)

    def same(self, element: Any) -> Hashable:
        """Return what two elements share when the second adds nothing."""
        return element  # type: ignore[no-any-return]

    def ordered(self, elements: Sequence[Any]) -> tuple[Any, ...]:
        """Return distinct elements in the order in which they are kept."""
        return tuple(elements)

    def split(self, text: str) -> list[str]:
        """Split a text into the texts of elements.

        :raises Invalid: `length`, it is too long to be one.
        """
        if len(text) > self.longest:
            raise Invalid("length", _("At most %(longest)d characters in all.", longest=self.longest))
        return split_texts(text)

    def parse(self, text: str, dialect: TextDialect = CANONICAL) -> tuple[Any, ...]:
        return self._gathered(self.split(text), dialect)

    def clean(self, value: Any) -> Any:
        return self._gathered(self.split(value) if isinstance(value, str) else value, CANONICAL) or None

    def judge_text(self, text: str, dialect: TextDialect = CANONICAL) -> Any:
        text = text.strip()  # parsed elements are judged already
        return (self.parse(text, dialect) or None) if text else None

    def collect(self, raw: Any, dialect: TextDialect = CANONICAL) -> Any:
        if isinstance(raw, str):
            return self.judge_text(raw, dialect)
        return None if raw is None else self._gathered(raw, dialect) or None

    def _gathered(self, raws: Any, dialect: TextDialect) -> tuple[Any, ...]:
        if not isinstance(raws, (list, tuple)):
            raise refuse_type(_("Give a list of values."))
        if len(raws) > self.most:
            raise Invalid("length", _("At most %(most)d values in one field.", most=self.most))
        distinct: dict[Hashable, Any] = {}
        for raw in raws:
            if raw is None or (isinstance(raw, str) and not raw.strip()):
                continue
            element = self.element(raw, dialect)
            distinct.setdefault(self.same(element), element)
        return self.ordered(list(distinct.values()))

    def text(self, value: Any) -> str:
        return joined(self.element_text(each) for each in value)

    def to_json(self, value: Any) -> Any:
        return [self.element_json(each) for each in value]

    def format(self, value: Any, reader: Reader = PLAIN) -> str:
        return ", ".join(self.element_format(each, reader) for each in value)

    def html(self, value: Any, reader: Reader = PLAIN) -> Markup:
        return Markup(", ").join(self.element_html(each, reader) for each in value)

    def form_text(self, value: Any, dialect: TextDialect = CANONICAL) -> Any:
        return [self.element_text(each) for each in value]

    def search_text(self, value: Any) -> str:
        return " ".join(self.element_text(each) for each in value)

    def control(self) -> Control:
        return Control("lines")
