"""What a process tells of its work: one line an event, with facts that are no people's values.

Events are constant sentences and facts come from a closed list, so that no value of a field, no text that was looked
for, no title, address, token or parameter of SQL can get into a line. Errors are told by their type and by the places
in the code, without their message.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import PurePath
from types import TracebackType
from typing import Any, Literal

Form = Literal["text", "json"]
FACTS = frozenset(
    "request person route method status ms command exit job kind tries change_set plugin hook failures seconds "
    "error at caused_by number child code state".split()
)
OURS = ("tracker", "_granian")  # whose sentences are constant, or hold no values
UNSAID = "a library said something"  # its words may hold values: the place in its code is told instead
MOST_PLACES = 12
_about: ContextVar[dict[str, Any] | None] = ContextVar("tracker_about", default=None)


def facts(**given: Any) -> dict[str, Any]:
    """Return the `extra` of a log call.

    :raises ValueError: a name is not among FACTS, of which it is sure that they hold no values.
    """
    if not given.keys() <= FACTS:
        raise ValueError(f"not to be logged: {sorted(given.keys() - FACTS)}")
    return {"facts": given}


def fault(error: BaseException) -> dict[str, Any]:
    """Return the facts of an error: its type, those of its causes, and the places in the code, innermost last."""
    places = [
        f"{'/'.join(PurePath(each.filename).parts[-3:])}:{each.lineno} {each.name}"
        for each in traceback.extract_tb(error.__traceback__)[-MOST_PLACES:]
    ]
    found: dict[str, Any] = {"error": type(error).__name__, "at": places}
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < MOST_PLACES:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    return found | ({"caused_by": causes} if causes else {})


# -- what lines are about -----------------------------------------------------------------------------


def begin(**given: Any) -> dict[str, Any]:
    """Say what the lines of this thread are about from now on, such as a request; return it, as `note` adds to it."""
    held: dict[str, Any] = facts(**given)["facts"]
    _about.set(held)
    return held


def note(**given: Any) -> None:
    """Add to what the lines of this thread are about, if they are about anything."""
    held = _about.get()
    if held is not None:
        held |= facts(**given)["facts"]


def end(held: dict[str, Any]) -> None:
    """Say that what `begin` returned is over, unless the lines are about something else by now."""
    if _about.get() is held:
        _about.set(None)


@contextmanager
def about(**given: Any) -> Iterator[None]:
    """Say what the lines of the block are about."""
    token = _about.set((_about.get() or {}) | facts(**given)["facts"])
    try:
        yield
    finally:
        _about.reset(token)


# -- lines ----------------------------------------------------------------------------------------


class Lines(logging.Formatter):
    """Formats a record without its arguments, its exception's message and its variables."""

    def format(self, record: logging.LogRecord) -> str:
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": _event(record),
            **(_about.get() or {}),
            **getattr(record, "facts", {}),
        }
        if told["event"] == UNSAID or not _is_ours(record):
            told |= {"logger": record.name, "at": [f"{record.filename}:{record.lineno} {record.funcName}"]}
        if record.exc_info and record.exc_info[1] is not None:
            told |= fault(record.exc_info[1])
        return self.line(told)

    def line(self, told: Mapping[str, Any]) -> str:
        """Return the line for what is told."""
        raise NotImplementedError


class JsonLines(Lines):
    """One JSON object a line."""

    def line(self, told: Mapping[str, Any]) -> str:
        return json.dumps(told, ensure_ascii=False, default=str)


class TextLines(Lines):
    """Time, level and event, then the facts as `name=value`."""

    def line(self, told: Mapping[str, Any]) -> str:
        rest = [f"{name}={_short(value)}" for name, value in told.items() if name not in _HEAD]
        return " ".join([told["time"], told["level"].upper(), told["event"], *rest])


_HEAD = ("time", "level", "event")


def _short(value: Any) -> str:
    text = " < ".join(map(str, reversed(value))) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text


def _is_ours(record: logging.LogRecord) -> bool:
    return record.name.split(".")[0] in OURS


def _event(record: logging.LogRecord) -> str:
    """Return the sentence of a record as its code has it, never with what was put into it."""
    text = str(record.msg).strip().partition("\n")[0]
    return text if _is_ours(record) or record.args else UNSAID


# -- setting up -----------------------------------------------------------------------------------


def formatter(form: Form) -> Lines:
    """Return what makes lines of this form."""
    return JsonLines() if form == "json" else TextLines()


def set_up(form: Form, level: str) -> None:
    """Have this process log to its standard error, errors that nobody caught too."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(form))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in ("sqlalchemy", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)  # below, they tell statements
    sys.excepthook = _uncaught
    threading.excepthook = lambda args: _uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def for_granian(form: Form) -> dict[str, Any]:
    """Return the configuration by which the server logs as we do."""
    handler = {"class": "logging.StreamHandler", "formatter": "ours", "stream": "ext://sys.stderr"}
    return {
        "formatters": {"ours": {"()": "tracker.logs.formatter", "form": form}},
        "handlers": {"ours": handler},
        "loggers": {"_granian": {"handlers": ["ours"], "level": "ERROR", "propagate": False}},
    }


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        return
    told = fault((error or kind()).with_traceback(trace))
    logging.getLogger("tracker").critical("an error that nobody caught", extra=facts(**told))
