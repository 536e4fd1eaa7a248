"""A list taken out as a file: what it holds is what it shows, in its order and with its columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from tempfile import SpooledTemporaryFile

from flask import Blueprint, Response, g, request
from werkzeug.wsgi import FileWrapper

from tracker.core.access.rights import READ, rights, visible_tracker
from tracker.core.ask.names import name_fields
from tracker.core.ask.query import Query, ask
from tracker.core.base.actor import Actor
from tracker.core.base.transaction import Reading
from tracker.core.base.workspace import Workspace
from tracker.core.design.bound import BoundField
from tracker.core.transfer.export import export_csv, export_json, export_jsonl, exported_fields
from tracker.core.transfer.spreadsheet import export_xlsx
from tracker.web.asking import reading
from tracker.web.downloads import attachment
from tracker.web.lists.asked import state_of
from tracker.web.lists.columns import chosen_columns
from tracker.web.lists.state import State

MOST_SPOOLED = 8_000_000  # bytes that are kept in memory
PIECE = 1 << 18
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

bp = Blueprint("exporting", __name__, url_prefix="/t")


@bp.get("/<name>/export.csv")
def csv(name: str) -> Response:
    """Send the list as CSV: for people who read it, or with `again=1` in the form that an import reads back."""
    again = request.args.get("again") == "1"
    query = _query(name)
    pieces = _streamed(lambda here: export_csv(here, query, for_people=not again, mark=not again))
    return _sent(pieces, query, "csv", "text/csv; charset=utf-8")


@bp.get("/<name>/export.jsonl")
def jsonl(name: str) -> Response:
    """Send the list as JSON Lines."""
    query = _query(name)
    return _sent(_streamed(lambda here: export_jsonl(here, query)), query, "jsonl", "application/x-ndjson")


@bp.get("/<name>/export.json")
def json(name: str) -> Response:
    """Send the list as one JSON array."""
    query = _query(name)
    return _sent(_streamed(lambda here: export_json(here, query)), query, "json", "application/json")


@bp.get("/<name>/export.xlsx")
def xlsx(name: str) -> Response:
    """Send the list as a workbook: for people who read it, or with `again=1` in the form that an import reads back.

    It is whole before the first byte is sent, in a file beyond some size: a list that no sheet takes is a page.
    """
    again = request.args.get("again") == "1"
    query = _query(name)
    made = SpooledTemporaryFile(MOST_SPOOLED)  # noqa: SIM115 - closed when the last piece is sent
    try:
        with g.workspace.read(g.actor) as here:
            export_xlsx(here, query, made, for_people=not again)
        made.seek(0)
    except BaseException:
        made.close()
        raise
    return _sent(FileWrapper(made, PIECE), query, "xlsx", XLSX)


def _query(name: str) -> Query:
    """Return the query of the list that the address says, once all of it is known to be allowed.

    :raises Forbidden: the tracker may not be exported.
    """
    here = reading()
    state = state_of(here, visible_tracker(here, name))
    query = state.query(_columns(here, state))
    exported_fields(here, query)
    ask(here, query, action="export")
    return query


def _columns(here: Reading, state: State) -> list[str]:
    """Return the columns of the list, its name first; sealed ones (files too) and masked ones never leave the house."""
    mine = rights(here)
    fields: list[BoundField] = [
        *name_fields(here, state.tracker),
        *(each.field for each in chosen_columns(here, state.tracker, state.columns)),
    ]
    return list(dict.fromkeys(each.key for each in fields if not each.secret and mine.level(each) >= READ))


def _streamed(export: Callable[[Reading], Iterator[str]]) -> Iterator[str]:
    """Yield an export from a snapshot of its own: the request's is closed before the last row is sent."""
    workspace, actor = g.workspace, g.actor

    def pieces(workspace: Workspace, actor: Actor) -> Iterator[str]:
        with workspace.read(actor) as here:
            yield from export(here)

    return pieces(workspace, actor)


def _sent(pieces: Iterator[str] | FileWrapper, query: Query, ending: str, media_type: str) -> Response:
    day = reading().now.astimezone(g.actor.reader.zone).date()
    name = f"{query.tracker}-{day.isoformat()}.{ending}"
    return Response(pieces, headers={**attachment(name), "Content-Type": media_type})
