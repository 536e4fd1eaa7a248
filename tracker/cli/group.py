"""A click group that imports its commands when they are called, and turns every error into a sentence."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NoReturn

import click

from tracker import logs

log = logging.getLogger(__name__)
FEWEST = 8  # characters of a column that is shortened to the terminal's width
PLUGIN_COMMANDS = "tracker.commands"  # entry-point group; a plugin's command is imported when it is called


class CommandGroup(click.Group):
    """Our own commands by `module:attribute`, then those of plugins."""

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands_at, *(name for name in sorted(_offered()) if name not in self.commands_at)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.commands_at:
            module, _, attribute = self.commands_at[cmd_name].partition(":")
            command = getattr(import_module(module), attribute)
            assert isinstance(command, click.Command)
            return command
        point = _offered().get(cmd_name)
        return _loaded(point) if point is not None else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            from tracker.errors import Unknown

            raise click.UsageError(str(Unknown("command", name, self.list_commands(ctx))), ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands; those of plugins by name only, since a list must not import them."""
        own = [(name, self.get_command(ctx, name)) for name in self.commands_at]
        rows = [(name, command.get_short_help_str(160)) for name, command in own if command is not None]
        rows += [
            (name, f"From {_origin(point)}.")
            for name, point in sorted(_offered().items())
            if name not in self.commands_at
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, *args: Any, **extra: Any) -> NoReturn:
        """Run the command and leave: 0 when it went well, 1 with a sentence when it did not."""
        extra.pop("standalone_mode", None)
        began = time.monotonic()
        held = logs.begin(command="")
        try:
            self._run(*args, **extra)
        except SystemExit as end:
            ms = round((time.monotonic() - began) * 1000)
            log.info("command", extra=logs.facts(exit=end.code, ms=ms))
            raise
        finally:
            logs.end(held)
        raise AssertionError("a command ends by leaving")

    def _run(self, *args: Any, **extra: Any) -> NoReturn:
        try:
            result = super().main(*args, standalone_mode=False, **extra)  # type: ignore[call-overload]
        except click.UsageError as error:
            error.show()
            sys.exit(1)
        except (click.Abort, KeyboardInterrupt):
            _say("Stopped.")
            sys.exit(1)
        except click.exceptions.Exit as error:
            sys.exit(error.exit_code)
        except Exception as error:  # noqa: BLE001 - whatever it is, a person reads it
            log.debug("a command failed", extra=logs.facts(**logs.fault(error)))
            _say(sentence(error))
            sys.exit(1)
        sys.exit(result if isinstance(result, int) else 0)


def sentence(error: Exception) -> str:
    """Return what a person is told of an error; one that nobody foresaw says where to look."""
    if isinstance(error, click.ClickException):
        return error.format_message()
    if "tracker.errors" in sys.modules:
        from tracker.errors import TrackerError

        if isinstance(error, TrackerError):
            return str(error)
    if "sqlalchemy" in sys.modules:
        from sqlalchemy.exc import SQLAlchemyError

        from tracker.core.base.database import is_full

        if is_full(error):
            return "The disk is full: make room. What was saved is whole; docs/safety.md says how each command goes on."
        if isinstance(error, SQLAlchemyError):
            return f"The database refused: {_first_line(getattr(error, 'orig', None) or error)}"
    if isinstance(error, OSError):
        return f"{error.strerror or error}: {error.filename}" if error.filename else str(error)
    from tracker.core.base.hooks import where

    return f"Tracker itself went wrong ({where(error)}). Nothing half-done was kept; please report this."


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _say(message: str) -> None:
    click.echo(f"Error: {message}", err=True)


def _offered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=PLUGIN_COMMANDS)}


def _origin(point: EntryPoint) -> str:
    return f"the plugin {point.dist.name}" if point.dist else "a plugin"


def _loaded(point: EntryPoint) -> click.Command:
    try:
        command = point.load()
    except Exception as error:
        raise click.ClickException(
            f"The command “{point.name}” of {_origin(point)} cannot be imported: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(command, click.Command):
        raise click.ClickException(f"“{point.name}” of {_origin(point)} is no command.")
    return command


def table(
    rows: Sequence[Sequence[object]], heads: Sequence[str], *, fit: bool = False, within: int = 0
) -> str:
    """Return rows as aligned text; numbers stand to the right.

    :param fit: on a terminal, shorten the widest texts to its width; elsewhere they stay whole.
    :param within: a width to keep, instead of the terminal's.
    """
    if fit and not within and sys.stdout.isatty():
        within = shutil.get_terminal_size().columns
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in [list(heads), *texts]) for place in range(len(heads))]
    right = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(heads))]
    while within and sum(widths) + 2 * (len(widths) - 1) > within and max(widths) > FEWEST:
        widths[widths.index(max(widths))] -= 1
    lines = [
        [
            cell if len(cell) <= width else f"{cell[: width - 1]}…"
            for cell, width in zip(line, widths, strict=True)
        ]
        for line in (list(heads), *texts)
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if numeric else cell.ljust(width)
            for cell, width, numeric in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )
