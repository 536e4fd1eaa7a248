"""What was begun and did not come to its end: change sets, jobs, keys; and whether a worker is there to end it."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from tracker.core.access import clauses
from tracker.core.base import tables, workers
from tracker.core.base.transaction import Reading
from tracker.core.checking.findings import Finding, Look
from tracker.core.conversion.place import KEY as RETYPING
from tracker.core.conversion.place import SEALING as SWITCHING
from tracker.core.design.store import trackers
from tracker.core.sealing.counts import field_names, held
from tracker.core.sealing.stored import Place
from tracker.core.vault import status
from tracker.core.vault.form import VERSION
from tracker.core.vault.keys import EnvironmentKey, FileKey, provider_for

LONG = timedelta(minutes=10)  # a change set that is open for longer was probably killed
LATE = timedelta(minutes=10)  # a job that waits for longer has no worker
ENDS = {
    "import": "tracker import TRACKER FILE --resume {0} goes on, tracker undo {0} takes it back.",
    "undo": "tracker undo of the same change set goes on.",
}


def check_change_sets(look: Look) -> None:
    """Look for change sets that are open for long."""
    table = tables.change_set
    with look.reading() as reading:
        until = reading.now - LONG
        rows = reading.execute(
            select(table.c.id, table.c.kind, table.c.at, table.c.place, table.c.undoes_id)
            .where(table.c.state == "open", table.c.at < until)
            .order_by(table.c.id)
        ).all()
    for row in rows:
        told, todo = _kind_and_end(row)
        what = f"Change set {row.id} ({told}) is open since {row.at:%Y-%m-%d %H:%M} UTC: it was killed, or takes long."
        look.found.add(Finding("open_change_set", str(row.id), what, f"If nothing works on it: {todo}"))


def _kind_and_end(row: Any) -> tuple[str, str]:
    place = row.place or {}
    if RETYPING in place or SWITCHING in place:
        told = "a change of type" if RETYPING in place else "a switch of encryption"
        return told, f"tracker field resume {row.id} goes on, tracker field stop {row.id} ends it."
    if row.undoes_id is not None:
        return f"an undo of {row.undoes_id}", f"tracker undo {row.undoes_id} goes on."
    end = ENDS.get(row.kind, "tracker undo {0} takes it back.").format(row.id)
    return row.kind, end


def check_jobs(look: Look) -> None:
    """Look for jobs that were given up, that nobody takes, or whose worker is gone; and for a worker."""
    table = tables.job
    with look.reading() as reading:
        now = reading.now
        counted = select(
            table.c.topic, table.c.state, func.count().label("n"), func.min(table.c.id).label("first")
        )
        ended = reading.execute(
            counted.where(table.c.state.in_(("dead", "unknown"))).group_by(table.c.topic, table.c.state)
        ).all()
        late = (table.c.state == "due") & (table.c.due_at < now - LATE)
        left = table.c.state.in_(("taken", "sending")) & (table.c.lease_until < now - LATE)
        waiting = reading.execute(counted.where(late | left).group_by(table.c.topic, table.c.state)).all()
        seen = workers.last_seen(reading.connection)
        left_to_do = reading.execute(
            select(table.c.id).where(table.c.state.in_(("due", "taken"))).limit(1)
        ).first()
    for row in ended:
        told = "failed for good" if row.state == "dead" else "may have happened, or not"
        what = f"{row.n:,} job(s) “{row.topic}” {told}."
        todo = "tracker jobs list says why; tracker jobs retry ID does one again."
        look.found.add(Finding("job_ended", f"{row.topic} {row.state}", what, todo))
    for row in waiting:
        what = f"{row.n:,} job(s) “{row.topic}” wait for more than {LATE.seconds // 60} minutes; the first is {row.first}."
        todo = "Start a worker (tracker worker), one that has the plugin whose job it is."
        look.found.add(Finding("job_waiting", f"{row.topic} {row.state}", what, todo))
    if left_to_do is not None and (seen is None or now - seen > workers.GONE_AFTER):
        told = (
            "No worker has ever run here"
            if seen is None
            else f"No worker was seen since {seen:%Y-%m-%d %H:%M} UTC"
        )
        what = f"{told}, so jobs wait."
        look.found.add(Finding("no_worker", "worker", what, "Start one: tracker worker, or tracker serve."))


def check_keys(look: Look) -> None:
    """See that the master key is right, opens every key, and that all that is sealed has a key."""
    with look.reading() as reading:
        found, under, names = status.status(reading), held(reading), field_names(reading)
        _check_plain(look, reading)
        provider = provider_for(reading.workspace)
    if found.master == "shut":
        todo = "Put the right master key there; until then nothing that is sealed opens (docs/vault.md)."
        look.found.add(Finding("master_key", found.place, str(found.problem), todo))
    for each in found.keys:
        if found.master == "right" and not each.opens:
            name = names.get(each.field_uid, each.field_uid)
            what = f"Key {each.id} ({each.purpose}) of {name} does not open under the master key."
            todo = "Restore the row of sys_key from a backup; values under it are lost without it."
            look.found.add(Finding("key_shut", str(each.id), what, todo))
    for number in sorted(under.keys() - {each.id for each in found.keys}):
        count = under[number].rows + under[number].history
        what = f"{count:,} value(s) are sealed under key {number}, which is not there."
        look.found.add(Finding("key_missing", str(number), what, "Restore the row of sys_key from a backup."))
    versions: defaultdict[str, int] = defaultdict(int)
    for each in found.keys:
        versions[each.field_uid] += each.purpose == "seal"
    for uid in (uid for uid, number in versions.items() if number > 1):
        name = names.get(uid, uid)
        what = f"{name} has {versions[uid]} data keys: a rotation has not come to its end."
        look.found.add(Finding("rotation", name, what, f"Run: tracker key rotate {name}"))
    if isinstance(provider, FileKey | EnvironmentKey) and provider.successor.exists():
        what = f"{provider.successor.place} is there: a change of the master key has not come to its end."
        look.found.add(Finding("rotation", "master key", what, "Run: tracker key rotate --master"))


def _check_plain(look: Look, reading: Reading) -> None:
    """Look for values in columns of encrypted fields that are not sealed."""
    for tracker in trackers(reading).by_id.values():
        for field in tracker.stored:
            for name in Place.of(tracker, field).columns if field.sealed else ():
                column = tracker.table.c[name]
                plain = func.substr(column, 1, len(VERSION)) != VERSION
                asked = select(tracker.table.c.id).where(plain, clauses.as_system(tracker)).limit(1000)
                items = reading.execute(asked).scalars().all()
                if items:
                    place = f"{tracker.key}.{field.key}"
                    what = f"{place} is encrypted, and items hold something in it that is not sealed."
                    todo = (
                        "Save the right value anew in each of them; what stands there can be read by anybody."
                    )
                    look.found.add(Finding("not_sealed", place, what, todo), *items)
