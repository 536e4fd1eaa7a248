"""How fast Tracker is beside hand-written SQL: one command, interleaved runs, raw numbers beside ratios.

    python bench/run.py --items 100000 [--database sqlite|postgresql|URL] [--markdown]

Everything is made anew in a temporary folder, or in scratch databases of the given PostgreSQL server.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE.parent / "tests")]

import people  # noqa: E402 - the path above makes them found
import planning  # noqa: E402
import postgres  # noqa: E402
import restoring  # noqa: E402
from floor import Floor  # noqa: E402
from ours import SYSTEM, Ours  # noqa: E402
from retyping import rates as retyping_rates  # noqa: E402
from sealed import rates  # noqa: E402

ROUNDS = 5
BULK = 50_000
SEALED = 20_000


@dataclass
class Row:
    """One operation: seconds of the floor and of ours, what is asked for, and how it is written."""

    name: str
    floor: float | None
    ours: float
    unit: str = "ms"  # ms, rows/s, bytes, MB, number
    target: str = ""
    met: bool | None = None
    ratio: float | None = None
    note: str = ""


@dataclass
class Bench:
    """One database, one number of items, and the rows of its table."""

    floor: Floor
    ours: Ours
    folder: Path
    items: int
    rows: list[Row] = field(default_factory=list)
    times: int = 30  # calls of a fast operation in one round

    def pair(
        self,
        name: str,
        floor: Callable[[], Any],
        ours: Callable[[], Any],
        *,
        most: float | None = None,
        times: int | None = None,
    ) -> Row:
        """Time two operations in turn; the ratio is ours over the floor's."""
        row = self._timed(name, floor, ours, times=times)
        self.add(row, most=most)
        return row

    def _timed(
        self, name: str, floor: Callable[[], Any], ours: Callable[[], Any], *, times: int | None = None
    ) -> Row:
        many = times or self.times
        taken: tuple[list[float], list[float]] = ([], [])
        floor(), ours()
        for _round in range(ROUNDS):
            for place, run in enumerate((floor, ours)):
                taken[place].append(median(_seconds(run) for _time in range(many)))
        one, other = median(taken[0]), median(taken[1])
        return Row(name, one, other, ratio=other / one)

    def add(self, row: Row, *, most: float | None = None, least: float | None = None) -> None:
        """Add a row; `most` and `least` bound its ratio."""
        if most is not None:
            row.target, row.met = f"<= {most:g}", row.ratio is not None and row.ratio <= most
        if least is not None:
            row.target, row.met = f">= {least:g}", row.ratio is not None and row.ratio >= least
        self.rows.append(row)
        print(_line(row), file=sys.stderr)

    # -- what is measured ---------------------------------------------------------------------

    def fill(self) -> None:
        """Import all items in five rounds, ours and the floor's in turn; then give half of them away."""
        part = self.items // ROUNDS
        taken: tuple[list[float], list[float]] = ([], [])
        for number in range(ROUNDS):
            path = people.write_csv(self.folder / "in.csv", part, first=number * part)
            for place, run in enumerate((self.floor.import_csv, self.ours.import_csv)):
                began = time.perf_counter()
                run(path)
                taken[place].append(part / (time.perf_counter() - began))
        floor, ours = median(taken[0]), median(taken[1])
        self.add(Row("import CSV", floor, ours, "rows/s", ratio=ours / floor), least=0.55)
        self.floor.driver.execute(
            "UPDATE contact SET owner_id = 1000 + id % 200, group_id = 4 + id % 47 WHERE id % 2 = 0"
        )
        self.ours.give_away()
        _analyze(self)

    def reading(self) -> None:
        """Page, count, search, history."""
        floor, ours = self.floor, self.ours
        self.pair("page of a saved view", lambda: floor.page(cents=2000), ours.page, most=2.5)
        self.pair(
            "page, typed values only",
            lambda: floor.page(cents=2000),
            lambda: ours.page(formatted=False),
        )
        self.pair("page, nothing kept", lambda: floor.page(cents=2000), lambda: self._cold(ours.page))
        self.pair("count, capped at 10,000", floor.count, ours.count)
        self.pair("search, two words", lambda: floor.search(("ada", "berb")), lambda: ours.search("Ada Berb"))

        self.pair("page, against one without rights", lambda: ours.page(asked=SYSTEM), ours.page, most=1.15)

    def _cold(self, run: Callable[[], Any]) -> None:
        self.ours.workspace.forget()
        run()

    def single(self) -> None:
        """Create and change one item."""
        floor, ours = self.floor, self.ours
        cells = people.contacts(10_000, first=10**7)
        floor_places, ours_places = floor.places(), ours.places()
        self.pair(
            "create one, with history",
            lambda: floor.create(next(cells), floor_places),
            lambda: ours.create(next(cells), ours_places),
            most=3,
            times=40,
        )
        turns: list[Iterator[int]] = [iter(range(1, 10**9, 2)), iter(range(1, 10**9, 2))]

        def change(run: Callable[[int, str, str], None], turn: Iterator[int]) -> None:
            number = next(turn)
            run(number % self.items | 1, f"Newtown {number}", f"{number % 90 + 30}.50")

        self.pair(
            "change one, with history",
            lambda: change(floor.change, turns[0]),
            lambda: change(ours.change, turns[1]),
            most=3,
            times=40,
        )
        self.pair("history of an item", lambda: floor.history(1), lambda: ours.history(1))

    def many(self) -> None:
        """Bulk change, its undo, import and its undo, export."""
        floor, ours = self.floor, self.ours
        share = min(1.0, BULK / (self.items / 2))
        before = date(1930, 1, 1) + timedelta(days=round(29_000 * share))
        turns = [0, 0]

        def bulk(place: int) -> Any:
            turns[place] += 1
            return (floor, ours)[place].bulk(5000 + turns[place], 2000 + turns[place], before)

        row = self._timed("", lambda: bulk(0), lambda: bulk(1), times=1)
        change_set, changed = bulk(1)
        row.name = f"bulk change of 2 fields, {changed:,} items"
        self.add(row, most=4)
        began = time.perf_counter()
        ours.undo(change_set)
        spent = time.perf_counter() - began
        self.add(Row("undo of it, against the change", row.ours, spent, ratio=spent / row.ours))
        self._import_and_undo()
        row = self._timed(
            "export CSV",
            lambda: floor.export_csv(self.folder / "floor.csv"),
            lambda: ours.export_csv(self.folder / "ours.csv"),
            times=1,
        )
        rows = _lines(self.folder / "ours.csv")
        assert row.floor is not None
        self.add(
            Row(row.name, rows / row.floor, rows / row.ours, "rows/s", ratio=row.floor / row.ours), least=0.65
        )
        path = people.write_csv(self.folder / "in.csv", self.items // 10, first=3 * 10**7)
        began = time.perf_counter()
        count = floor.import_csv(path, checking=False)
        bare = count / (time.perf_counter() - began)
        self.rows[0].note = f"a floor that checks nothing: {bare:,.0f} rows/s"

    def _import_and_undo(self) -> None:
        """Import more, take it back, and count the statements at two sizes."""
        counted = []
        for number in (min(self.items // 10, 10_000), min(self.items, 100_000)):
            path = people.write_csv(self.folder / "in.csv", number, first=2 * 10**7 + number)
            began = time.perf_counter()
            change_set, rows = self.ours.import_csv(path)
            imported = time.perf_counter() - began
            began = time.perf_counter()
            _counts, statements = self.ours.undo(change_set)
            spent = time.perf_counter() - began
            counted.append(f"{statements} statements for {rows:,} rows")
        row = Row("undo of an import, against it", imported, spent, ratio=spent / imported)
        row.note = ", ".join(counted)
        self.add(row, most=0.33)

    def design(self) -> None:
        """Add a field; plan a profile."""
        number = iter(range(1000))
        row = self._timed(
            "add a field", lambda: self.floor.add_column(next(number)), self.ours.add_field, times=2
        )
        row.target, row.met, row.ratio = "<= 50 ms", row.ours <= 0.05, None
        self.add(row)
        one, other = planning.seconds(self.ours)
        self.add(Row("plan a profile of 600 fields", one, other, ratio=other / one), most=3)

    def restored(self, rate: float) -> None:
        """Note the pace of a restore beside that of the import."""
        imported = self.rows[0].ours
        self.add(
            Row("restore, against an import", imported, rate, "rows/s", ratio=rate / imported), least=0.5
        )

    def retyped(self) -> None:
        """Change the type of a field while two people write."""
        one, other, note = retyping_rates(self.floor, self.ours, self.items)
        self.add(
            Row("change of a type, two writers", one, other, "rows/s", ratio=other / one, note=note),
            least=0.25,
        )

    def sealed(self) -> None:
        """Give sealed values a new key."""
        number = min(self.items, SEALED)
        one, other = rates(self.floor, self.ours, number, rounds=ROUNDS)
        note = f"{number:,} items, history of every second one"
        self.add(
            Row("new key for sealed values", one, other, "rows/s", ratio=other / one, note=note), least=0.5
        )

    def storage(self) -> None:
        """Bytes of a revision of two fields, beside the floor's."""
        floor, ours = _revision_bytes(self.floor), _revision_bytes(self.ours)
        name, note = "a revision of 2 fields, bytes", "a creation writes none"
        self.add(Row(name, floor, ours, "bytes", "<= 300", ours <= 300, note=note))


def _seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _analyze(bench: Bench) -> None:
    for run in (bench.floor.driver.execute, _on_ours(bench.ours)):
        run("ANALYZE")


def _on_ours(ours: Ours) -> Callable[[str], Any]:
    def run(sql: str) -> None:
        with ours.workspace.database.writing() as connection:
            connection.exec_driver_sql(sql)

    return run


def _revision_bytes(side: Floor | Ours) -> float:
    """Return the size of the revisions as they would lie alone, for each."""
    table = "revision" if isinstance(side, Floor) else "sys_revision"
    if not side.lite:
        sql = f"SELECT pg_total_relation_size('{table}')::float / count(*) FROM {table} /*access*/"
        if isinstance(side, Floor):
            side.driver.execute(f"VACUUM FULL {table}")
            return float(side.driver.execute(sql).fetchone()[0])
        with side.workspace.database.engine.connect() as connection:
            driver = connection.execution_options(isolation_level="AUTOCOMMIT")
            driver.exec_driver_sql(f"VACUUM FULL {table}")
            return float(driver.exec_driver_sql(sql).scalar_one())
    path = side.path if isinstance(side, Floor) else side.workspace.database.path
    assert path is not None
    alone = path.with_suffix(".alone")
    alone.unlink(missing_ok=True)
    with sqlite3.connect(path) as driver:
        driver.execute("ATTACH ? AS alone", (str(alone),))
        for (made,) in driver.execute(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql NOT NULL", (table,)
        ):
            driver.execute(
                made.replace("CREATE TABLE ", "CREATE TABLE alone.", 1).replace(
                    "CREATE INDEX ", "CREATE INDEX alone.", 1
                )
            )
        driver.execute(f"INSERT INTO alone.{table} SELECT * FROM main.{table}")
        rows = driver.execute(f"SELECT count(*) FROM alone.{table}").fetchone()[0]
    size = alone.stat().st_size
    alone.unlink()
    return size / rows


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(1 for _line_ in file) - 1


# -- memory ---------------------------------------------------------------------------------------


def memory(url: Callable[[], Any], folder: Path, items: int) -> list[Row]:
    """Return the peak anonymous memory of an import and an export at 10,000 items (or a tenth of them) and at all."""
    peaks: list[tuple[float, float]] = []
    first = min(10_000, items // 10)
    for number in (first, items):
        people.write_csv(folder / "memory.csv", number)
        with url() as address:
            command = [sys.executable, str(HERE / "run.py"), "--measure", address, str(folder / "memory.csv")]
            said = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ).stdout
        peaks.append(tuple(float(each) for each in said.split()[-2:]))  # type: ignore[arg-type]
    rows = []
    for place, name in enumerate(("import", "export")):
        small, large = peaks[0][place], peaks[1][place]
        row = Row(f"peak memory of an {name}, {items:,} against {first:,}", small, large, "MB")
        row.ratio = large / max(small, 0.1)
        row.target, row.met = "<= 1.3", row.ratio <= 1.3
        rows.append(row)
        print(_line(row), file=sys.stderr)
    return rows


def measure(url: str, path: Path) -> None:
    """Import and export a file in this process; print the peaks of its anonymous memory in MB."""
    ours = Ours(url, path.parent / f"home-{os.getpid()}")
    for run in (ours.import_csv, ours.export_csv):
        with _peak() as peak:
            run(path if run == ours.import_csv else path.with_suffix(".out"))
        print(peak[0] / 1024)
    ours.close()


@contextmanager
def _peak() -> Iterator[list[int]]:
    """Sample the anonymous memory of this process, in kB."""
    peak, ended = [0], threading.Event()

    def look() -> None:
        while not ended.wait(0.02):
            for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
                if line.startswith("RssAnon"):
                    peak[0] = max(peak[0], int(line.split()[1]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


# -- showing --------------------------------------------------------------------------------------


def _number(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit == "ms":
        return f"{value * 1000:,.2f} ms" if value < 1 else f"{value:,.2f} s"
    return f"{value:,.0f} {unit}" if unit == "rows/s" else f"{value:,.1f} {unit}"


def _cells(row: Row) -> tuple[str, ...]:
    met = "" if row.met is None else "yes" if row.met else "**no**"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return (
        row.name,
        _number(row.floor, row.unit),
        _number(row.ours, row.unit),
        ratio,
        row.target,
        met,
        row.note,
    )


def _line(row: Row) -> str:
    name, floor, ours, ratio, target, met, note = _cells(row)
    return f"{name:<48} {floor:>16} {ours:>16} {ratio:>7} {target:>9} {met:<7} {note}"


def table(rows: list[Row], *, markdown: bool) -> str:
    """Return the table, for a terminal or for docs/performance.md."""
    heads = ("operation", "floor", "Tracker", "ratio", "to reach", "reached", "")
    if not markdown:
        return "\n".join(_line(row) for row in rows)
    lines = ["| " + " | ".join(heads) + " |", "|---|--:|--:|--:|--:|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(_cells(row)) + " |" for row in rows)])


# -- putting it together --------------------------------------------------------------------------


@contextmanager
def databases(kind: str) -> Iterator[Callable[[], Any]]:
    """Give a function that makes an empty database, as a context with its address."""
    with tempfile.TemporaryDirectory(prefix="tracker-bench-") as folder, ExitStack() as stack:
        if kind == "sqlite":
            number = iter(range(1000))

            @contextmanager
            def make() -> Iterator[str]:
                yield f"sqlite:///{folder}/{next(number)}.sqlite"

            yield make
            return
        if kind == "postgresql":
            home = postgres.home_of(os.getpid())
            server = postgres.find(home)
            stack.callback(postgres.stop, home)
        else:
            server = postgres.Server(kind.replace("postgresql+psycopg:", "postgresql:", 1))
        yield server.database


def compare(kind: str, items: int, *, with_memory: bool) -> list[Row]:
    """Run the whole benchmark on one database; return its rows."""
    with (
        databases(kind) as make,
        tempfile.TemporaryDirectory(prefix="tracker-bench-") as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        print(f"-- {kind}, {items:,} items", file=sys.stderr)
        small = stack.enter_context(_side(make, folder / "small"))
        small_items = min(items, 10_000)
        small.import_csv(people.write_csv(folder / "in.csv", small_items))
        small.give_away()
        _on_ours(small)("ANALYZE")
        floor = Floor(stack.enter_context(make()))
        stack.callback(floor.close)
        _add_organisations(floor)
        ours = stack.enter_context(_side(make, folder / "home"))
        bench = Bench(floor, ours, folder, items)
        bench.fill()
        bench.reading()
        bench.restored(restoring.rate(ours, stack.enter_context(make()), folder, items))
        bench.pair(f"page at {items:,} against {small_items:,}", small.page, ours.page, most=1.7)
        bench.single()
        bench.many()
        bench.design()
        bench.storage()
        bench.retyped()
        bench.sealed()
        return bench.rows + (memory(make, folder, items) if with_memory else [])


@contextmanager
def _side(make: Callable[[], Any], home: Path) -> Iterator[Ours]:
    with make() as address:
        ours = Ours(address, home)
        try:
            yield ours
        finally:
            ours.close()


def _add_organisations(floor: Floor) -> None:
    from tracker.core.base.transaction import utc_now
    from tracker.fields.folding import fold
    from tracker.fields.uids import uuid7

    columns = "uid version created_cs changed_cs name name_s town town_s".split()
    rows = [
        (uuid7(utc_now()), 1, 1, 1, name, fold(name), place, fold(place))
        for name, place in people.organisations()
    ]
    floor.insert("organisation", columns, rows)


def main(arguments: list[str] | None = None) -> list[Row]:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument(
        "--database", default="", help="sqlite, postgresql, or the address of a server; both if left out"
    )
    parser.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md")
    parser.add_argument("--no-memory", action="store_true", help="leave out the measuring of memory")
    parser.add_argument("--measure", nargs=2, metavar=("URL", "CSV"), help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.measure:
        measure(given.measure[0], Path(given.measure[1]))
        return []
    rows: list[Row] = []
    for kind in [given.database] if given.database else ["sqlite", "postgresql"]:
        found = compare(kind, given.items, with_memory=not given.no_memory)
        print(f"\n### {kind.partition(':')[0]}, {given.items:,} items\n")
        print(table(found, markdown=given.markdown))
        rows += found
    return rows


if __name__ == "__main__":
    main()
