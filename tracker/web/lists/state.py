"""What a list's address says: view, conditions, words, order, columns; and the address of a changed one.

`?view=due_soon` is a saved view as it is. Conditions are written `field__operator=value` (`field=value` for
`is`; a parameter that is repeated gives an operator several values, or makes several conditions). They add to
those of the view, unless `changed=1` says that the address holds all of them. `where=` is an expression, `q=`
words, `sort=-a,b` the order, `columns=a,b` the columns, `after=` a page mark. Any other parameter, `limit=` too, says nothing here and is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from tracker.core.ask.query import Condition, Query
from tracker.core.design.bound import BoundField, Tracker
from tracker.core.design.definitions import ViewDef
from tracker.core.language.operators import operators_for
from tracker.web.showing import to_tracker

OWN = frozenset(
    {"view", "changed", "where", "q", "sort", "columns", "column", "after", "edit", "limit", "count", "again"}
)
EMPTY = ViewDef(key="", title="")


@dataclass(frozen=True)
class State:
    """Everything that makes a list what it is, beside its page mark."""

    tracker: Tracker = field(compare=False)
    view: ViewDef = field(default=EMPTY, compare=False)
    conditions: tuple[Condition, ...] = ()
    where: str = ""
    text: str = ""
    sort: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    @property
    def base(self) -> State:
        """The view as it was saved."""
        view = self.view
        return State(
            self.tracker,
            view,
            conditions=tuple(Condition(key, name, tuple(operand)) for key, name, operand in view.conditions),
            where=view.filter,
            text=view.text,
            sort=view.sort,
            columns=view.columns,
        )

    @property
    def is_changed(self) -> bool:
        """Whether it differs from the view as it was saved."""
        return self != self.base

    @property
    def is_narrowed(self) -> bool:
        """Whether it leaves items out."""
        return bool(self.conditions or self.where.strip() or self.text.strip())

    def query(self, columns: Sequence[str] | None = None, *, trash: bool = False) -> Query:
        """Return the query of this state."""
        return Query(
            self.tracker.key,
            where=self.where,
            conditions=self.conditions,
            text=self.text,
            sort=self.sort,
            columns=None if columns is None else tuple(columns),
            trash=trash,
        )

    # -- addresses ------------------------------------------------------------------------------

    def parameters(self) -> list[tuple[str, str]]:
        """Return the parameters that say this state, in order, leaving out what the view says."""
        base = self.base
        found = [("view", self.view.key)] if self.view.key else []
        if (self.conditions, self.where) != (base.conditions, base.where):
            found += [("changed", "1")] if base.conditions or base.where else []
            for each in self.conditions:
                values = each.operand or ("1",)
                found += [(f"{each.field}__{each.operator}", str(value)) for value in values]
            found += [("where", self.where)] if self.where else []
        for name in ("text", "sort", "columns"):
            value = getattr(self, name)
            if value != getattr(base, name):
                found.append(("q" if name == "text" else name, value if name == "text" else ",".join(value)))
        return found

    def query_string(self, **more: str) -> str:
        """Return the parameters as they stand in an address."""
        return urlencode([*self.parameters(), *more.items()])

    def address(self, *parts: str, **more: str) -> str:
        """Return the address of this state, or of a page below the list that starts from it."""
        tail = self.query_string(**more)
        return to_tracker(self.tracker.key, *parts) + (f"?{tail}" if tail else "")

    def but(self, **changes: Any) -> State:
        """Return this state with something changed."""
        return replace(self, **changes)

    def without(self, number: int) -> State:
        """Return this state without one condition."""
        return self.but(conditions=self.conditions[:number] + self.conditions[number + 1 :])

    def with_condition(self, condition: Condition, number: int | None = None) -> State:
        """Return this state with a condition added, or put in the place of another."""
        kept = list(self.conditions)
        if number is not None and 0 <= number < len(kept):
            kept[number] = condition
        else:
            kept.append(condition)
        return self.but(conditions=tuple(kept))


def read_state(args: MultiDict[str, str], tracker: Tracker, view: ViewDef = EMPTY) -> State:
    """Return the state that an address says."""
    base = State(tracker, view).base
    given, where = tuple(_conditions(args, tracker)), args.get("where", "").strip()
    if args.get("changed") != "1":
        given = base.conditions + given
        where = f"({base.where}) AND ({where})" if base.where and where else base.where or where
    columns = _listed(",".join([*args.getlist("columns"), *args.getlist("column")]))
    return State(
        tracker,
        view,
        conditions=given,
        where=where,
        text=args["q"].strip() if "q" in args else base.text,
        sort=_listed(args["sort"]) if "sort" in args else base.sort,
        columns=columns or base.columns,
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip(" -")))


def _conditions(args: MultiDict[str, str], tracker: Tracker) -> Iterator[Condition]:
    for name, values in args.lists():
        key, mark, operator = name.rpartition("__")
        if not mark:
            if name in OWN or name not in tracker.fields:
                continue
            key, operator = name, "is"
        filled = [value.strip() for value in values]
        arity = _arity(tracker.fields.get(key), operator)
        if arity == "none":
            yield Condition(key, operator)
        elif arity in ("many", "two"):
            yield Condition(key, operator, tuple(filled))
        else:
            yield from (Condition(key, operator, (value,)) for value in filled)


def _arity(bound: BoundField | None, operator: str) -> str:
    """Return how many values an operator takes; of an unknown one, the query says what is wrong."""
    offered = operators_for(bound) if bound is not None else ()
    return next((each.arity for each in offered if each.name == operator), "one")
