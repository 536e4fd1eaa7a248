"""The worker: takes jobs from the outbox one by one, runs their handlers, and keeps their leases alive."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from tracker.core.base import outbox, workers
from tracker.core.base.hooks import where
from tracker.core.base.notices import HANDLERS, forget_cut_off
from tracker.core.base.outbox import Job
from tracker.core.base.workspace import Workspace
from tracker.errors import Refused, TrackerError
from tracker.hookspecs import Delayed, Handler, Interrupted, JobContext
from tracker.i18n import _
from tracker.logs import about, facts, fault

log = logging.getLogger(__name__)

SWEEP_EVERY = timedelta(hours=1)


class LeaseLost(TrackerError):
    """Another worker has the job: this one was silent for too long, and may not go on with it."""

    code, status = "lease_lost", 409

    def __init__(self) -> None:
        super().__init__(_("Another worker took the job over."))


def run_worker(
    workspace: Workspace,
    handlers: Mapping[str, Handler],
    *,
    stop: Event,
    poll_s: float = 0.5,
    lease_s: float = outbox.LEASE_S,
    chores: Iterable[Callable[[Workspace], None]] = (),
) -> None:
    """Run jobs until `stop` is set; the one at hand is finished first.

    Several workers, in threads, processes or on several machines, share one outbox. Topics without a
    handler here wait for a worker that has one. A database that is away is waited for.

    :param handlers: by topic, beside those of plugins and those that tell plugins.
    :param poll_s: seconds between two looks at an empty outbox.
    :param lease_s: seconds after which another worker takes over from one that died.
    :param chores: done at the start and every hour; one that fails is logged, and tried again in an hour.
    """
    worker = Worker(
        workspace, {**HANDLERS, **workspace.hooks.registered.jobs, **handlers}, stop=stop, lease_s=lease_s
    )
    swept = None
    while not stop.is_set():
        try:
            now = workspace.clock()
            worker.show_life(now)
            if swept is None or now - swept > SWEEP_EVERY:
                worker.tidy(first=swept is None)
                swept = now
                _do(chores, workspace)
            if not worker.run_next():
                stop.wait(poll_s)
        except SQLAlchemyError as error:
            log.warning("the database does not answer", extra=facts(**fault(error)))
            stop.wait(max(poll_s, 1.0))
    worker.leave()


def _do(chores: Iterable[Callable[[Workspace], None]], workspace: Workspace) -> None:
    for chore in chores:
        try:
            chore(workspace)
        except Exception as error:  # noqa: BLE001 - jobs go on without it
            log.warning("a chore failed", extra=facts(**fault(error)))


class Worker:
    """One worker with its name and its handlers."""

    def __init__(
        self,
        workspace: Workspace,
        handlers: Mapping[str, Handler],
        *,
        stop: Event,
        lease_s: float = outbox.LEASE_S,
    ) -> None:
        self.workspace = workspace
        self.handlers = dict(handlers)
        self.stop = stop
        self.lease_s = lease_s
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        self._shown: datetime | None = None

    def show_life(self, now: datetime) -> None:
        """Show that this worker is alive, unless it did so a moment ago; while a job runs, its lease does."""
        if self._shown is not None and abs(now - self._shown) < workers.EVERY:
            return
        with self.workspace.database.writing() as connection:
            workers.show(connection, self.name, now=now)
        self._shown = now

    def leave(self) -> None:
        """Say that this worker ends; one that cannot is taken for dead a little later."""
        with suppress(SQLAlchemyError), self.workspace.database.writing() as connection:
            workers.leave(connection, self.name)

    def tidy(self, *, first: bool = False) -> None:
        """Remove old jobs; at the start of a worker, tell plugins again that were cut off."""
        if first:
            forget_cut_off(self.workspace)
        with self.workspace.database.writing() as connection:
            outbox.sweep(connection, now=self.workspace.clock())
            workers.forget(connection, now=self.workspace.clock())

    def run_next(self) -> bool:
        """Run the job that has been due for longest; return whether there was one."""
        now, topics = self.workspace.clock(), tuple(self.handlers)
        with self.workspace.database.reading() as connection:
            if not outbox.is_anything_due(connection, now=now, topics=topics):
                return False
        with self.workspace.database.writing() as connection:
            claimed = outbox.claim(
                connection, self.name, now=now, topics=topics, lease_s=self.lease_s, limit=1
            )
        for job in claimed:
            began = time.monotonic()
            with about(job=job.id, kind=job.topic, tries=job.attempts):
                self.run(job)
                log.info("job", extra=facts(ms=round((time.monotonic() - began) * 1000)))
        return bool(claimed)

    def run(self, job: Job) -> None:
        """Run one claimed job and write down how it ended."""
        lease = Lease(self.workspace, job, worker=self.name, lease_s=self.lease_s)
        try:
            with lease.kept():
                self.handlers[job.topic](self._context(job, lease), job.payload)
        except Exception as error:  # noqa: BLE001 - a handler may fail in any way
            self._end_badly(job, error, sent=lease.sending)
        except BaseException:  # the process is told to end at once
            if not lease.sending:
                self._write(lambda connection: outbox.release(connection, job))
            raise
        else:
            now = self.workspace.clock()
            self._write(lambda connection: outbox.ack(connection, job, now=now))

    def _context(self, job: Job, lease: Lease) -> JobContext:
        return JobContext(
            workspace=self.workspace,
            key=job.key,
            attempt=job.attempts,
            place=job.progress or {},
            progress=lease.note,
            sending=lease.mark_sending,
            is_stopping=self.stop.is_set,
        )

    def _end_badly(self, job: Job, error: Exception, *, sent: bool) -> None:
        if isinstance(error, LeaseLost):
            log.warning("a job was taken over by another worker")
            return
        if isinstance(error, Interrupted) and not sent:
            self._write(lambda connection: outbox.release(connection, job))
            return
        told, now = where(error), self.workspace.clock()
        log.warning("a job failed", extra=facts(**fault(error)))
        if sent and not isinstance(error, (Refused, Delayed)):
            self._write(lambda connection: outbox.doubt(connection, job, told, now=now))
        else:
            final = isinstance(error, Refused)
            self._write(lambda connection: outbox.fail(connection, job, told, now=now, final=final))

    def _write(self, move: Callable[[Connection], Any]) -> None:
        with self.workspace.database.writing() as connection:
            if not move(connection):
                log.warning("a job was taken over by another worker before it ended here")


class Lease:
    """The claim of one job, renewed by a thread while the handler runs."""

    def __init__(self, workspace: Workspace, job: Job, *, worker: str, lease_s: float) -> None:
        self.workspace = workspace
        self.worker = worker
        self.job = job
        self.lease_s = lease_s
        self.sending = False
        self._lost = Event()
        self._over = Event()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the claim, three times in each of its lengths, until the block ends."""
        thread = Thread(target=self._beat, name=f"lease of job {self.job.id}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._over.set()
            thread.join()

    def note(self, place: Mapping[str, Any]) -> None:
        """Note how far the job came.

        :raises LeaseLost: another worker has it.
        """
        self._still_ours(
            lambda connection: outbox.note(
                connection, self.job, place, now=self.workspace.clock(), lease_s=self.lease_s
            )
        )

    def mark_sending(self) -> None:
        """Commit that from here on, the effect may have happened.

        :raises LeaseLost: another worker has the job.
        """
        self._still_ours(lambda connection: outbox.mark_sending(connection, self.job))
        self.sending = True

    def _still_ours(self, move: Callable[[Connection], bool]) -> None:
        if self._lost.is_set():
            raise LeaseLost
        with self.workspace.database.writing() as connection:
            if not move(connection):
                self._lost.set()
                raise LeaseLost

    def _beat(self) -> None:
        while not self._over.wait(self.lease_s / 3):
            try:
                with self.workspace.database.writing() as connection:
                    now = self.workspace.clock()
                    workers.show(connection, self.worker, now=now)
                    if not outbox.renew(connection, self.job, now=now, lease_s=self.lease_s):
                        self._lost.set()
                        return
            except SQLAlchemyError as error:
                log.warning("a lease could not be renewed", extra=facts(job=self.job.id, **fault(error)))
