"""What all commands share: settings, the workspace, and who acts. Each is made when a command asks for it."""

from __future__ import annotations

import getpass
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tracker.core.base.actor import Actor
    from tracker.core.base.workspace import Workspace
    from tracker.settings import Settings


class Cli:
    """One run of the command line."""

    def __init__(self, *, email: str | None = None, settings_file: str | None = None) -> None:
        self.email = email
        self.settings_file = settings_file
        self.log: str | None = None  # of --log
        self._logs = False

    @property
    def log_form(self) -> str:
        """The form of the log: `text` or `json`."""
        return self.log or self.settings.log

    def start_log(self, *, service: bool = False) -> None:
        """Log to standard error; what is no service tells only what went wrong, unless JSON is asked for."""
        from tracker import logs

        if self._logs:
            return
        self._logs = True
        form: logs.Form = "json" if self.log_form == "json" else "text"
        logs.set_up(form, self.settings.log_level if service or form == "json" else "warning")

    @cached_property
    def settings(self) -> Settings:
        """The settings of this installation."""
        from tracker.settings import load_settings

        return load_settings(Path(self.settings_file) if self.settings_file else None)

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, open; made when it is not there yet."""
        from tracker.app import open_workspace

        self.start_log()
        return open_workspace(self.settings)

    def look_at_it_as_it_is(self) -> None:
        """Open the workspace without making or upgrading anything.

        :raises ClickException: there is no database yet.
        """
        from sqlalchemy.engine import make_url

        from tracker.app import open_workspace

        self.start_log()
        url = make_url(self.settings.database_url)
        if url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
            raise click.ClickException(f"There is no database at {url.database} yet; tracker serve makes it.")
        self.__dict__["workspace"] = open_workspace(self.settings, as_it_is=True)

    @cached_property
    def actor(self) -> Actor:
        """Who acts: the person of `--as`, else the system, recording who runs the command.

        :raises Unknown: there is no such person.
        """
        from tracker.core.access.people import actor_of, find_person

        if self.email is None:
            return self.system
        with self.workspace.read(self.system) as reading:
            person = find_person(reading, self.email)
            if person.disabled:
                raise click.ClickException(f"{person.email} is shut out.")
            return actor_of(reading, person.id)

    @cached_property
    def system(self) -> Actor:
        """The system actor of the command line."""
        from tracker.core.base.actor import system

        return system(f"cli ({_login()})")

    def close(self) -> None:
        """Give the database back, if it was opened."""
        if "workspace" in self.__dict__:
            self.workspace.database.close()


def _choose_log(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    cli = context.find_object(Cli)
    if value is not None and cli is not None:
        cli.log = value


log_option = click.option(
    "--log",
    type=click.Choice(("text", "json")),
    expose_value=False,
    callback=_choose_log,
    help="Form of the log on standard error; `json` is one object a line.",
)


class Number(click.IntRange):
    """A number that Tracker gave to something: from 1 to the largest that a database holds."""

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = int(super().convert(value, param, ctx))
        if found > LARGEST:
            self.fail("no number is as large as that.", param, ctx)
        return found


LARGEST = 2**63 - 1
NUMBER = Number()
pass_cli = click.make_pass_decorator(Cli)


def echo_json(value: Any) -> None:
    """Print one JSON document, for scripts."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a process without an entry in the user database
        return "unknown"
