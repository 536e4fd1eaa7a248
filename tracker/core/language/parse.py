"""Text to syntax tree: a closed dialect of SQL, read by sqlglot, with budgets and an allow-list of nodes.

The dialect knows fourteen keywords. Every other word is a name, so `order` can be a field, and `SELECT`,
`CAST` or `UNION` are only names that nobody has.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock

from sqlglot import exp
from sqlglot import parser as sql_parser
from sqlglot import tokens as sql_tokens
from sqlglot.dialects.dialect import Dialect
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from tracker.core.language.refusal import ExpressionError
from tracker.i18n import Message, _

LONGEST = 20_000  # bytes of the text
NODES = 500
DEPTH = 50
DIGITS = 30

_T = TokenType


class TrackerExpression(Dialect):
    """The dialect of expressions: operators and CASE of SQL, and nothing else that SQL knows."""

    class Tokenizer(sql_tokens.Tokenizer):
        """Words and signs; there are no comments, and quotes are doubled, not escaped."""

        QUOTES = ["'"]
        IDENTIFIERS = ['"']
        STRING_ESCAPES = ["'"]
        IDENTIFIER_ESCAPES = ['"']
        COMMENTS = []
        NESTED_COMMENTS = False
        KEYWORDS = {
            "AND": _T.AND,
            "OR": _T.OR,
            "NOT": _T.NOT,
            "IN": _T.IN,
            "BETWEEN": _T.BETWEEN,
            "IS": _T.IS,
            "NULL": _T.NULL,
            "TRUE": _T.TRUE,
            "FALSE": _T.FALSE,
            "CASE": _T.CASE,
            "WHEN": _T.WHEN,
            "THEN": _T.THEN,
            "ELSE": _T.ELSE,
            "END": _T.END,
            "<>": _T.NEQ,
            "!=": _T.NEQ,
            "<=": _T.LTE,
            ">=": _T.GTE,
            "||": _T.DPIPE,
        }
        SINGLE_TOKENS = {
            "(": _T.L_PAREN,
            ")": _T.R_PAREN,
            ",": _T.COMMA,
            ".": _T.DOT,
            "+": _T.PLUS,
            "-": _T.DASH,
            "*": _T.STAR,
            "/": _T.SLASH,
            "=": _T.EQ,
            "<": _T.LT,
            ">": _T.GT,
            "'": _T.UNKNOWN,
            '"': _T.UNKNOWN,
        }
        COMMANDS = set()

    class Parser(sql_parser.Parser):
        """Every function is anonymous: which there are, and what they take, is ours to say."""

        FUNCTIONS = {}
        FUNCTION_PARSERS = {}
        NO_PAREN_FUNCTIONS = {}
        NO_PAREN_FUNCTION_PARSERS = {"CASE": sql_parser.Parser.NO_PAREN_FUNCTION_PARSERS["CASE"]}
        STATEMENT_PARSERS = {}


_ALLOWED_NODES: frozenset[type[exp.Expression]] = frozenset(
    {
        *(exp.And, exp.Or, exp.Not, exp.Paren),
        *(exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.In, exp.Between, exp.Is),
        *(exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Neg, exp.DPipe),
        *(exp.Case, exp.If, exp.Anonymous),
        *(exp.Column, exp.Dot, exp.Identifier, exp.Literal, exp.Null, exp.Boolean),
    }
)
_ARGUMENTS: dict[type[exp.Expression], frozenset[str]] = {
    exp.In: frozenset({"this", "expressions", "field"}),
    exp.Between: frozenset({"this", "low", "high"}),
    exp.Case: frozenset({"this", "ifs", "default"}),
    exp.If: frozenset({"this", "true"}),
    exp.Column: frozenset({"this", "table", "db", "catalog"}),
    exp.Identifier: frozenset({"this", "quoted"}),
    exp.Literal: frozenset({"this", "is_string"}),
    exp.DPipe: frozenset({"this", "expression", "safe"}),
}
_ANY_ARGUMENTS = frozenset({"this", "expression", "expressions"})
_CHAINS = (exp.And, exp.Or, exp.DPipe)
_WEIGHTLESS = (exp.Identifier, exp.Paren)
_WORD = re.compile(r"[^\W\d]\w*")
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?|\.[0-9]+")
_PATTERNS = frozenset({"LIKE", "ILIKE", "GLOB", "REGEXP", "RLIKE", "SIMILAR"})
_WHITE = "\t\n\r"


@dataclass(frozen=True)
class Parsed:
    """A text and its tree. Trees are kept and shared: never change one."""

    text: str
    tree: exp.Expression


def parse(text: str) -> Parsed:
    """Read an expression.

    :raises ExpressionError: it is no expression, or goes beyond a budget; with the position.
    """
    if len(text) > LONGEST or len(text.encode("utf-8", "replace")) > LONGEST:
        raise ExpressionError(_("The expression is too long: more than %(most)d bytes.", most=LONGEST))
    return _parse(text)


@lru_cache(maxsize=2000)
def _parse(text: str) -> Parsed:
    _check_characters(text)
    try:
        tokens = _dialect().tokenize(text)
        _check_tokens(text, tokens)
        with _room:
            trees = _dialect().parser().parse(tokens, text)
    except SqlglotError as error:
        raise _unreadable(text, error) from None
    except RecursionError:
        raise _too_deep() from None
    if len(trees) != 1 or not isinstance(trees[0], exp.Expression):
        raise ExpressionError(_("Give one expression."))
    _check_tree(text, trees[0])
    return Parsed(text, trees[0])


class _Room:
    """More of Python's stack while a text is read: sqlglot takes twenty frames for one pair of brackets.

    Without it, what can be read would depend on who asks: a page's stack is higher than a command's.
    """

    frames = 3000

    def __init__(self) -> None:
        self._lock = Lock()
        self._inside = 0
        self._before = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = sys.getrecursionlimit()
                sys.setrecursionlimit(self._before + self.frames)
            self._inside += 1

    def __exit__(self, *_raised: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                sys.setrecursionlimit(self._before)


_room = _Room()


@lru_cache(maxsize=1)
def _dialect() -> TrackerExpression:
    return TrackerExpression()


def _check_characters(text: str) -> None:
    if not text.strip():
        raise ExpressionError(_("Write an expression."))
    for offset, sign in enumerate(text):
        if (sign < " " and sign not in _WHITE) or "\x7f" <= sign <= "\x9f" or "\ud800" <= sign <= "\udfff":
            raise ExpressionError(
                _("A control character (U+%(code)04X) has no place here.", code=ord(sign)),
                text=text,
                offset=offset,
            )


def _check_tokens(text: str, tokens: list[Token]) -> None:
    if len(tokens) > 4 * NODES:
        raise _too_large()
    open_now = 0
    for index, token in enumerate(tokens):
        if problem := _problem(token, tokens[index - 1] if index else None) or _pattern(tokens, index):
            raise ExpressionError(problem, text=text, offset=token.start)
        open_now += (token.token_type in (_T.L_PAREN, _T.CASE)) - (token.token_type in (_T.R_PAREN, _T.END))
        if open_now > DEPTH:
            raise _too_deep()


def _problem(token: Token, before: Token | None) -> Message | None:
    kind, word = token.token_type, token.text
    if kind is _T.NUMBER:
        if not _NUMBER.fullmatch(word):
            return _("“%(word)s” is no number; write digits and a point.", word=word[:60])
        if sum(sign.isdigit() for sign in word) > DIGITS:
            return _("A number has at most %(most)d digits.", most=DIGITS)
    elif kind in (_T.VAR, _T.UNKNOWN):
        if not _WORD.fullmatch(word):
            return _("“%(word)s” has no meaning in an expression.", word=word[:60])
    elif before is not None and (before.token_type, kind) in _COMMENT_SIGNS and before.end + 1 == token.start:
        return _("An expression has no comments.")
    return None


def _pattern(tokens: list[Token], index: int) -> Message | None:
    """Return what to write instead of LIKE and its kind, where one stands between two values."""
    word = tokens[index].text.upper()
    if word not in _PATTERNS or tokens[index].token_type is not _T.VAR:
        return None
    before = index - 1
    if before >= 0 and tokens[before].token_type is _T.NOT:
        before -= 1
    if before < 0 or tokens[before].token_type not in _VALUE_ENDS or index + 1 == len(tokens):
        return None
    return _("There is no %(word)s; write contains(field, 'text') or starts_with(field, 'text').", word=word)


_VALUE_ENDS = frozenset({_T.VAR, _T.IDENTIFIER, _T.STRING, _T.R_PAREN})
_COMMENT_SIGNS = {(_T.DASH, _T.DASH), (_T.SLASH, _T.STAR), (_T.STAR, _T.SLASH)}


def _check_tree(text: str, tree: exp.Expression) -> None:
    """Refuse nodes that are not on the list, and trees that are too large or too deep."""
    count = 0
    waiting: list[tuple[exp.Expression, int]] = [(tree, 1)]
    while waiting:
        node, depth = waiting.pop()
        told = {name for name, value in node.args.items() if value not in (None, [], False)}
        if type(node) not in _ALLOWED_NODES or not told <= _ARGUMENTS.get(type(node), _ANY_ARGUMENTS):
            raise ExpressionError(_refusal_of(node), text=text, offset=position(node))
        count += not isinstance(node, _WEIGHTLESS)
        if count > NODES:
            raise _too_large()
        if depth > DEPTH:
            raise _too_deep()
        for child in node.iter_expressions():
            same_chain = isinstance(node, _CHAINS) and type(child) is type(node)
            waiting.append((child, depth if same_chain else depth + 1))


def _refusal_of(node: exp.Expression) -> Message:
    if isinstance(node, exp.Alias):
        return _("“%(word)s” is not expected here; an operator or a comma is missing.", word=node.alias[:60])
    if isinstance(node, exp.Star):
        return _("“*” stands between two numbers only.")
    if isinstance(node, exp.Tuple):
        return _("A list in brackets stands after IN only.")
    return _("This form of SQL is not part of expressions.")


def _unreadable(text: str, error: SqlglotError) -> ExpressionError:
    found = (getattr(error, "errors", None) or [{}])[0]
    word = str(found.get("highlight") or "")[:60]
    line, column = found.get("line"), found.get("col")
    offset = None
    if line and column:
        lines = text.split("\n")
        offset = sum(len(each) + 1 for each in lines[: line - 1]) + max(column - len(word), 0)
    if not word:
        return ExpressionError(_("The expression cannot be read: a quote or a bracket may be missing."))
    return ExpressionError(
        _("The expression cannot be read at “%(word)s”.", word=word), text=text, offset=offset
    )


def _too_large() -> ExpressionError:
    return ExpressionError(_("The expression is too large: more than %(most)d parts.", most=NODES))


def _too_deep() -> ExpressionError:
    return ExpressionError(_("The expression is nested too deeply: more than %(most)d levels.", most=DEPTH))


def position(node: exp.Expression) -> int | None:
    """Return where a node stands in the text: the start of the first leaf under it that has a place."""
    starts = [int(each.meta["start"]) for each in _walk(node) if "start" in each.meta]
    return min(starts, default=None)


def _walk(node: exp.Expression) -> Iterator[exp.Expression]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.iter_expressions())


def chain(node: exp.Expression) -> list[exp.Expression]:
    """Return the members of `a AND b AND c`, in order, however sqlglot nests them."""
    members: list[exp.Expression] = []
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if type(found) is type(node):
            waiting += [found.args["expression"], found.args["this"]]
        else:
            members.append(found)
    return members


def unwrapped(node: exp.Expression) -> exp.Expression:
    """Return a node without the brackets around it."""
    while isinstance(node, exp.Paren):
        node = node.this
    return node


def names_of(node: exp.Expression) -> list[exp.Identifier] | None:
    """Return the parts of `a.b.c`; None when the node is no name."""
    if isinstance(node, exp.Dot):
        before = names_of(node.this)
        last = node.args.get("expression")
        return [*before, last] if before is not None and isinstance(last, exp.Identifier) else None
    if not isinstance(node, exp.Column):
        return None
    parts = [node.args.get(name) for name in ("catalog", "db", "table", "this")]
    found = [part for part in parts if part is not None]
    return found if all(isinstance(part, exp.Identifier) for part in found) else None
