"""What a change of type, a split or a join emptied or lost, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from tracker.core.conversion.preview import Case
from tracker.core.transfer.formulas import neutralised


def reported_csv(found: Iterable[Case]) -> Iterator[str]:
    """Yield a line for the names of the columns, and one for each case; no spreadsheet takes a value for a formula."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")

    def line(*cells: object) -> str:
        stream.seek(0)
        stream.truncate()
        writer.writerow(cells)
        return stream.getvalue()

    yield line("item", "old", "new", "fit", "why")
    for case in found:
        why = "" if case.reason is None else str(case.reason)
        yield line(case.item_id, neutralised(case.old), neutralised(case.new), case.fit.value, why)
