"""`tracker import` and `tracker export`."""

from __future__ import annotations

import re
import shutil
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, count
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tracker.core.ask.query import Query
    from tracker.core.base.transaction import Reading
    from tracker.core.transfer.mapping import FileMap
    from tracker.core.transfer.report import KeptRejects, Report
    from tracker.core.transfer.run import Progress

SAY = {  # what the engine asks of a mapping, as it is said at the prompt
    "dates": "Say --dates dmy (day first) or --dates mdy (month first); rows with the other are refused.",
    "decimal": "Say --decimal . or --decimal , and rows with the other are refused.",
}
MOST_SPOOLED = 8_000_000  # bytes of a workbook that are kept in memory
MOST_SHOWN = 10  # refused rows on the screen; all are in the rejects file


@click.command("import")
@click.argument("what", metavar="TRACKER|FOLDER")
@click.argument(
    "file", required=False, metavar="[FILE]", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--map", "map_name", metavar="MAP", help="A mapping: a YAML file, or the name of one that is shipped."
)
@click.option(
    "--save-map",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the mapping that was used to this file.",
)
@click.option(
    "--mode",
    type=click.Choice(("create", "update", "upsert", "fill")),
    help="What to do with rows; upsert with a key, else create. Fill only writes into fields that are empty.",
)
@click.option(
    "--key",
    metavar="FIELD",
    help="The field by which rows and items are the same; uid for exports of Tracker.",
)
@click.option("--dates", type=click.Choice(("iso", "dmy", "mdy", "ymd")), help="How the file writes days.")
@click.option("--decimal", type=click.Choice((".", ",")), help="The decimal mark of the file.")
@click.option("--encoding", help="The encoding of the file.")
@click.option("--delimiter", help="What stands between cells: one sign, or tab.")
@click.option(
    "--header",
    type=click.IntRange(1, 1_000_000),
    metavar="LINE",
    help="The line with the names of the columns.",
)
@click.option("--sheet", metavar="NAME|N", help="The sheet of a workbook, by name or position.")
@click.option("--dry-run", is_flag=True, help="Do everything in a transaction that is taken back.")
@click.option(
    "--all-or-nothing",
    is_flag=True,
    help="One wrong row, and nothing comes in. One transaction: on SQLite others wait to write until it ends.",
)
@click.option("--resume", is_flag=True, help="Go on with this same import, which was killed or failed.")
@click.option(
    "--rejects",
    type=click.Path(path_type=Path),
    help="Where refused rows go, as they were: a file, for a folder a folder. A dry run writes none without it.",
)
@click.option("--reason", default="", help="Why; it stands in the history.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@pass_cli
def import_(cli: Cli, /, what: str, file: Path | None, **options: Any) -> None:
    """Import FILE into TRACKER, or a FOLDER of files by a mapping, as one change set.

    A file is CSV, a workbook (XLSX), JSON Lines or a JSON array of objects. Encoding, delimiter, header row, order
    of days and decimal mark are found; what is ambiguous is asked for.
    Without a mapping the columns go where their names say. Refused rows are written to a rejects file with
    line and reason; the others go in. `tracker undo` takes all of it back. One that is killed leaves an open
    change set: the same command with --resume goes on with it.
    """
    from tracker.core.transfer.dialects import Ambiguous
    from tracker.core.transfer.report import KeptRejects, RejectFiles
    from tracker.core.transfer.run import Import, run_import
    from tracker.core.transfer.source import spot_of

    pairs, notes = _pairs(cli, what, file, options)
    if options["save_map"]:
        _save_map(options["save_map"], pairs)
    kept = KeptRejects(most=MOST_SHOWN + 1)
    keeps = options["dry_run"] and options["rejects"] is None
    spots = [] if keeps else [spot_of(path, each.layout) for path, each in pairs]
    rejects = RejectFiles(
        _rejects_paths(options["rejects"], spots, folder=file is None, more=options["resume"])
    )
    opened: list[int] = []
    began = time.monotonic()
    try:
        with _told_of(opened), _progress_bar(quiet=options["as_json"]) as progress:
            asked = Import(
                pairs,
                door="cli",
                reason=options["reason"],
                dry_run=options["dry_run"],
                all_or_nothing=options["all_or_nothing"],
                resume=options["resume"],
                rejects=kept if keeps else rejects,
                progress=progress,
                opened=opened.append,
            )
            report = run_import(cli.workspace, cli.actor, asked)
    except Ambiguous as error:
        raise click.ClickException(f"{error.fact} {SAY[error.asks]}") from error
    finally:
        rejects.close()
    report.notes[:0] = [note for note in notes if note not in report.notes]
    _tell(report, rejects.written, kept, took_s=time.monotonic() - began, as_json=options["as_json"])
    if report.refused or (report.total("rows") and report.total("rejected") == report.total("rows")):
        sys.exit(1)


@contextmanager
def _told_of(opened: list[int]) -> Iterator[None]:
    """Say, where an import fails, what can be done with what is in already."""
    try:
        yield
    except BaseException:
        for number in opened:
            click.echo(
                f"What came in so far is change set {number}, which is unfinished: the same command with --resume"
                f" goes on, tracker undo {number} takes it back.",
                err=True,
            )
        raise


def _pairs(
    cli: Cli, what: str, file: Path | None, options: dict[str, Any]
) -> tuple[list[tuple[Path, FileMap]], list[Any]]:
    """Return files with their mappings, in the order of reading, and notes on them."""
    if options["resume"] and (options["dry_run"] or options["all_or_nothing"]):
        raise click.UsageError(
            "--resume goes with neither --dry-run nor --all-or-nothing: these leave nothing unfinished."
        )
    from tracker.core.transfer.mapfile import read_map

    mapping = read_map(_map_file(options["map_name"])) if options["map_name"] else None
    notes: list[Any] = []
    if file is None:
        folder = Path(what)
        if not folder.is_dir() or mapping is None:
            raise click.UsageError("Give TRACKER and FILE, or a FOLDER with --map.")
        pairs = [(folder / each.file, each) for each in mapping.files if (folder / each.file).is_file()]
        missing = sorted({each.file for each in mapping.files if not (folder / each.file).is_file()})
        if not pairs:
            raise click.ClickException(f"None of the files of the mapping is in {folder}.")
        notes += [f"{name} is not there." for name in missing]
        return [(path, _told(each, options)) for path, each in pairs], notes
    if mapping is None:
        guessed, notes = _guessed(cli, what, file, options)
        return [(file, guessed)], notes
    fitting = [each for each in mapping.files if each.tracker == what]
    if len(fitting) > 1:
        fitting = [each for each in fitting if each.file in ("", file.name)]
    if len(fitting) != 1:
        raise click.ClickException(f"The mapping has no one entry for {file.name} into {what}.")
    return [(file, _told(fitting[0], options))], notes


def _guessed(cli: Cli, tracker: str, file: Path, options: dict[str, Any]) -> tuple[FileMap, list[Any]]:
    from tracker.core.access.rights import visible_tracker
    from tracker.core.transfer.guess import guess_map, with_file
    from tracker.core.transfer.mapping import FileMap
    from tracker.core.transfer.source import open_source

    source = open_source(file, _told(FileMap(tracker), options).layout)
    with cli.workspace.read(cli.actor) as reading:
        found, notes = guess_map(reading, visible_tracker(reading, tracker), source)
    if not found.columns:
        raise click.ClickException(
            f"No column of {file.name} is called like a field of {tracker}; write a mapping (--map)."
        )
    return _told(with_file(found, source), options), [*source.notes, *notes]


def _told(mapping: FileMap, options: dict[str, Any]) -> FileMap:
    """Return the mapping with what the command line says."""
    names = ("mode", "key", "dates", "decimal")
    mapping = replace(mapping, **{name: options[name] for name in names if options[name]})
    layout = {name: options[name] for name in ("encoding", "delimiter", "header", "sheet") if options[name]}
    if "delimiter" in layout:
        layout["delimiter"] = {"tab": "\t", "\\t": "\t"}.get(layout["delimiter"], layout["delimiter"])
        if len(layout["delimiter"]) != 1:
            raise click.UsageError("A delimiter is one sign, or tab.")
    return replace(mapping, layout=replace(mapping.layout, **layout)) if layout else mapping


def _map_file(name: str) -> Path:
    """Return the path of a mapping given by path, or by the name of a shipped one."""
    path = Path(name)
    if path.is_file():
        return path
    from tracker.core.profile.files import shipped
    from tracker.errors import Unknown

    folders = {each.parent for each in shipped().values()}
    known = {each.stem: each for folder in folders for each in sorted((folder / "maps").glob("*.yaml"))}
    if name not in known:
        raise Unknown("mapping", name, known)
    return known[name]


def _save_map(path: Path, pairs: list[tuple[Path, FileMap]]) -> None:
    from tracker.core.transfer.mapfile import write_map
    from tracker.core.transfer.mapping import ImportMap

    path.write_text(write_map(ImportMap(tuple(each for _file, each in pairs))), encoding="utf-8")
    click.echo(f"The mapping is in {path}.", err=True)


def _rejects_paths(
    told: Path | None, files: list[Path], *, folder: bool, more: bool = False
) -> dict[Path, Path]:
    """Return where the refused rows of each file, or sheet, go: nowhere that a file is, for it may be half mended.

    :param more: an import goes on: the file may be the one that it began, and else another is found beside it.
    """
    if told is not None and not folder and not told.is_dir():
        if told.exists() and more:
            return {file: _free(told.parent, told.stem, told.suffix, ()) for file in dict.fromkeys(files)}
        if told.exists():
            raise click.ClickException(
                f"{told} is there already; give --rejects another name, or move it away."
            )
        return dict.fromkeys(files, told)
    place = told or Path()
    if not files:
        return {}
    place.mkdir(parents=True, exist_ok=True)
    found: dict[Path, Path] = {}
    for file in dict.fromkeys(files):
        found[file] = _free(place, f"{_stem(file)}.rejects", ".csv", found.values())
    return found


def _stem(spot: Path) -> str:
    """Return the name of a file without its ending; of a sheet that is told, with its name behind."""
    if not spot.parent.is_file():
        return spot.stem
    sheet = re.sub(r"[^\w -]", "_", spot.name)
    return f"{spot.parent.stem}.{sheet}"


def _free(place: Path, stem: str, suffix: str, taken: Iterable[Path]) -> Path:
    """Return a path at which nothing is, nor will be."""
    names = chain([""], (f".{number}" for number in count(2)))
    paths = (place / f"{stem}{each}{suffix}" for each in names)
    return next(path for path in paths if not path.exists() and path not in taken)


class _Bar:
    """A progress bar with rows per second, on a terminal; silent elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self.shown = not quiet and sys.stderr.isatty()

    def __enter__(self) -> Callable[[Progress], None]:
        if not self.shown:
            return lambda _progress: None
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Rich

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
        )
        self.rich = Rich(*columns, console=Console(stderr=True), transient=True)
        self.rich.start()
        task, began = self.rich.add_task("Import", total=1, rate=""), time.monotonic()

        def show(progress: Progress) -> None:
            rate = progress.rows / max(time.monotonic() - began, 0.001)
            self.rich.update(
                task,
                total=progress.size,
                completed=progress.read,
                description=progress.file or "Done",
                rate=f"{progress.rows:,} rows, {rate:,.0f} rows/s",
            )

        return show

    def __exit__(self, *_error: object) -> None:
        if self.shown:
            self.rich.stop()


def _progress_bar(*, quiet: bool) -> _Bar:
    return _Bar(quiet=quiet)


def _tell(report: Report, rejected: list[Path], kept: KeptRejects, *, took_s: float, as_json: bool) -> None:
    if as_json:
        echo_json(
            {
                "change_set": report.change_set,
                "dry_run": report.dry_run,
                "refused": report.refused,
                "files": [vars(each) for each in report.tallies],
                "read": [vars(each) for each in report.found],
                "rejects": [str(path) for path in rejected],
                "notes": [str(note) for note in report.notes],
            }
        )
        return
    for note in report.notes:
        click.echo(f"Note: {note}", err=True)
    for found in report.found:
        click.echo(f"Read {found.sentence}.")
    names = ("file", "tracker", "rows", "created", "changed", "same", "rejected")
    click.echo(table([tuple(getattr(each, name) for name in names) for each in report.tallies], names))
    added = {
        key: sum(each.added.get(key, 0) for each in report.tallies)
        for tally in report.tallies
        for key in tally.added
    }
    for key, number in added.items():
        click.echo(f"{number} made on demand: {key}.")
    rate = report.total("rows") / max(took_s, 0.001)
    click.echo(f"{report.total('rows')} rows in {took_s:.1f} s, {rate:,.0f} rows/s.")
    for line in (*_kept_reasons(kept), *_reasons(rejected, whole=report.refused)):
        click.echo(line)
    if report.refused:
        click.echo("All or nothing: not all rows are right, so nothing came in.")
    elif report.dry_run:
        click.echo("Dry run: nothing was written.")
    elif report.change_set is None:
        click.echo("Nothing changed.")
    else:
        click.echo(f"This is change set {report.change_set}; tracker undo {report.change_set} takes it back.")


def _kept_reasons(kept: KeptRejects) -> Iterator[str]:
    """Yield the first refused rows of a dry run, which writes no file."""
    for name, number, reason in kept.found[:MOST_SHOWN]:
        yield f"  {name}, line {number}: {reason}"
    if len(kept.found) > MOST_SHOWN:
        yield "  …"
    if kept.found:
        yield "Refused rows are written to no file in a dry run; --rejects FILE writes them."


def _reasons(files: list[Path], *, whole: bool) -> Iterator[str]:
    """Yield the first refused rows with their reasons, and where all of them are; `whole`: no other came in either."""
    import csv

    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            next(rows)
            for number, cells in enumerate(rows):
                if number == MOST_SHOWN:
                    yield "  …"
                    break
                yield f"  line {cells[-2]}: {cells[-1]}"
        if whole:
            yield f"Refused rows are in {path}: mend them in your file and import it again."
        else:
            yield f"Refused rows are in {path}: mend them there and import that file."


@click.command()
@click.argument("tracker")
@click.option(
    "--format",
    "kind",
    type=click.Choice(("csv", "xlsx", "jsonl", "json")),
    default="csv",
    show_default=True,
    help="The form of the file.",
)
@click.option("--where", default="", metavar="EXPR", help="Only items for which this expression holds.")
@click.option("--fields", default="", metavar="A,B", help="Only these fields, in this order.")
@click.option("--sort", default="", metavar="A,-B", help="The order; by id if left out.")
@click.option(
    "--for-people",
    is_flag=True,
    help="Labels, names of linked items and the reader's way of writing; not to be imported.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; standard output if left out.",
)
@pass_cli
def export(cli: Cli, /, tracker: str, **options: Any) -> None:
    """Write the items of TRACKER as CSV, a workbook (XLSX), JSON Lines or one JSON array.

    The canonical form (ISO days, decimal point, UTF-8, links as uids; in a workbook days and numbers as such) can
    be imported again: `tracker import TRACKER FILE`. Encrypted fields are never exported.
    """
    from tracker.core.ask.query import Query

    target: Path | None = options["output"]
    if target is None and options["kind"] == "xlsx" and sys.stdout.isatty():
        raise click.UsageError("A workbook is no text: say which file to write, -o FILE.")
    query = Query(
        tracker,
        where=options["where"],
        sort=_names(options["sort"]) or ("id",),
        columns=_names(options["fields"]) or None,
    )
    with cli.workspace.read(cli.actor) as reading:
        if target is None:
            _export(reading, query, options, sys.stdout.buffer)
            return
        partial = target.with_name(f"{target.name}.part")
        try:
            with partial.open("w+b") as stream:
                _export(reading, query, options, stream)
                number = stream.seek(0, 2)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    click.echo(f"Wrote {target} ({number:,} bytes).", err=True)


def _export(reading: Reading, query: Query, options: dict[str, Any], target: IO[bytes]) -> None:
    from tracker.core.transfer.export import export_csv, export_json, export_jsonl

    people = options["for_people"]
    if options["kind"] == "xlsx":
        from tracker.core.transfer.spreadsheet import export_xlsx

        with SpooledTemporaryFile(MOST_SPOOLED) as made:  # a stream may be a pipe, which cannot seek
            export_xlsx(reading, query, made, for_people=people)
            made.seek(0)
            shutil.copyfileobj(made, target)
        return
    if options["kind"] == "csv":
        parts = export_csv(reading, query, for_people=people)
    elif options["kind"] == "jsonl":
        parts = export_jsonl(reading, query)
    else:
        parts = export_json(reading, query)
    for part in parts:
        target.write(part.encode())


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
