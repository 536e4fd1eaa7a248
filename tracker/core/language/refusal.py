"""How an expression is refused: a plain sentence, and where in the text."""

from __future__ import annotations

from tracker.errors import Invalid
from tracker.i18n import Message, _


class ExpressionError(Invalid):
    """An expression that cannot be read, or does not fit the tracker.

    `offset` counts characters of the text from 0; `line` and `column` count from 1. All are None where
    the refusal is about the whole expression.
    """

    def __init__(self, what: Message, *, text: str = "", offset: int | None = None) -> None:
        self.what = what
        self.offset = offset
        self._told = bool(text)
        self.line: int | None = None
        self.column: int | None = None
        if offset is not None:
            before = text[:offset]
            self.line = before.count("\n") + 1
            self.column = offset - (before.rfind("\n") + 1) + 1
        super().__init__("expression", self._sentence("\n" in text))

    def at(self, text: str, offset: int | None) -> ExpressionError:
        """Return this refusal with its place: where it was told already, else at `offset` of `text`."""
        if self._told:
            return self
        return type(self)(self.what, text=text, offset=offset if self.offset is None else self.offset)

    def _sentence(self, many_lines: bool) -> Message:  # noqa: FBT001 - one caller, above
        if self.offset is None:
            return self.what
        if many_lines:
            return _(
                "Line %(line)d, character %(column)d: %(what)s",
                line=self.line,
                column=self.column,
                what=self.what,
            )
        return _("Character %(column)d: %(what)s", column=self.column, what=self.what)


class UnknownName(ExpressionError):
    """A name that is not there, or that the reader may not use: one sentence for both."""
