"""The files of an item: read through it and the field that holds them, and saved, never shown in the page."""

from __future__ import annotations

from flask import Response, g, send_file

from tracker.core.access.rights import visible_tracker
from tracker.core.base.transaction import Reading
from tracker.core.items.files import stored_file
from tracker.errors import NotFound
from tracker.web.downloads import safe_type, strangers
from tracker.web.items import ITEM, bp


@bp.get(f"{ITEM}/file/<key>", defaults={"number": None})
@bp.get(f"{ITEM}/file/<key>/<int:number>")
def download(name: str, item_id: int, key: str, number: int | None) -> Response:
    """Send a file as an attachment, with the rights of item and field."""
    reading: Reading = g.reading()
    held = stored_file(reading, visible_tracker(reading, name), item_id, key, number=number)
    if not held.path.is_file():
        raise NotFound("File", item_id)
    answer = send_file(held.path, mimetype=safe_type(held.media_type), etag=False)
    answer.headers.update(strangers(held.name))
    return answer
