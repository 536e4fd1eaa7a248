"""The tables in docs/commands.md, written from the commands so that they cannot grow old.

`python -m tracker.cli.catalog docs/commands.md` writes them anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from tracker.cli import COMMANDS, cli

START = "<!-- from here on written by tracker.cli.catalog -->"


def catalog() -> str:
    """Return the Markdown of all our own commands: a section each, with its arguments and options."""
    context = click.Context(cli, info_name="tracker")
    sections = []
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        sections += [
            _section(path, each, inner) for path, each, inner in _walk(f"tracker {name}", command, context)
        ]
    return "\n".join(sections)


def _walk(
    path: str, command: click.Command, parent: click.Context
) -> Iterator[tuple[str, click.Command, click.Context]]:
    context = click.Context(command, info_name=path.rpartition(" ")[2], parent=parent)
    if not isinstance(command, click.Group):
        yield path, command, context
        return
    for name in command.list_commands(context):
        inner = command.get_command(context, name)
        if inner is not None:
            yield from _walk(f"{path} {name}", inner, context)


def _section(path: str, command: click.Command, context: click.Context) -> str:
    arguments = [each.make_metavar(context) for each in command.params if isinstance(each, click.Argument)]
    about = " ".join((command.help or "").split())
    lines = [f"### `{' '.join([path, *arguments])}`", "", about, ""]
    options = [each for each in command.params if isinstance(each, click.Option)]
    if options:
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{_names(each, context)}` | {_about(each)} |" for each in options]
        lines.append("")
    return "\n".join(lines)


def _names(option: click.Option, context: click.Context) -> str:
    names = ", ".join(option.opts)
    return (names if option.is_flag else f"{names} {option.make_metavar(context)}").replace("|", "\\|")


def _about(option: click.Option) -> str:
    default = (
        f" Default: {option.default}." if option.show_default and option.default not in (None, "") else ""
    )
    return f"{option.help}{default}".replace("|", "\\|")


def write(path: Path) -> None:
    """Write the sections anew, below what stands above them."""
    kept = path.read_text(encoding="utf-8").partition(START)[0]
    path.write_text(f"{kept}{START}\n\n{catalog()}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
