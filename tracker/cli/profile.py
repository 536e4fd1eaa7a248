"""`tracker profile`: validate, plan and apply profiles, and their demo data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from tracker.cli.context import Cli, echo_json, pass_cli
from tracker.cli.group import table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tracker.core.profile.plan import ProfilePlan
    from tracker.core.profile.read import Profile

_NAME = click.argument("name", metavar="NAME|FILE")
_SET = click.option(
    "--set", "answers", multiple=True, metavar="QUESTION=ANSWER", help="Answer a question of the profile."
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_OURS = click.option("--ours", is_flag=True, help="In conflicts, leave things as they are here.")
_THEIRS = click.option("--theirs", is_flag=True, help="In conflicts, do what the profile says.")
_TAKE = click.option(
    "--take",
    "taken",
    multiple=True,
    metavar="PATH=ours|theirs",
    help="Decide one conflict, or all below PATH.",
)


@click.group()
def profile() -> None:
    """Profiles: whole configurations, each in one file."""


@profile.command("list")
@_JSON
@pass_cli
def list_profiles(cli: Cli, *, as_json: bool) -> None:
    """List the profiles that come with Tracker, and those that are applied."""
    from tracker.core.profile.applied import applied_profiles
    from tracker.core.profile.files import shipped

    with cli.workspace.read(cli.actor) as reading:
        applied = {name: each for name, each in applied_profiles(reading).items() if not each.undone}
    rows = [
        (name, applied[name].version if name in applied else "", "applied" if name in applied else "")
        for name in sorted({*shipped(), *applied})
    ]
    if as_json:
        echo_json(
            [{"profile": name, "version": version, "applied": bool(state)} for name, version, state in rows]
        )
        return
    click.echo(table(rows, ("profile", "version", "state")))


@profile.command("validate")
@_NAME
@pass_cli
def validate(cli: Cli, name: str) -> None:
    """Check a profile without applying it; every problem is told with its place."""
    found = read(cli, name)
    questions = f", {len(found.questions)} question(s)" if found.questions else ""
    click.echo(f"{found.name} {found.version} is valid{questions}.")


@profile.command("plan")
@_NAME
@_SET
@_OURS
@_THEIRS
@_TAKE
@_JSON
@pass_cli
def plan_profile(cli: Cli, /, name: str, *, answers: tuple[str, ...], as_json: bool, **takes: Any) -> None:
    """Show what applying a profile would do; nothing is done.

    A newer version of a profile is merged with what admins changed; where both want something else, that is
    a conflict, and its path is shown.
    """
    plan = _plan(cli, name, answers, **takes)
    if as_json:
        echo_json(plan.to_json())
        return
    _show(plan)
    click.echo(f"{len(plan.steps)} step(s) planned.")


@profile.command("apply")
@_NAME
@_SET
@_OURS
@_THEIRS
@_TAKE
@click.option("--dry-run", is_flag=True, help="Show the plan and change nothing.")
@click.option("--allow-loss", is_flag=True, help="Also run steps that take something away.")
@pass_cli
def apply_profile(
    cli: Cli, /, name: str, *, answers: tuple[str, ...], dry_run: bool, allow_loss: bool, **takes: Any
) -> None:
    """Configure the workspace as a profile describes, and print each step.

    Running it twice changes nothing the second time. What admins changed stays where a newer version does not
    contradict; nothing is done while a conflict is open.
    """
    plan = _plan(cli, name, answers, **takes)
    _show(plan)
    if dry_run:
        click.echo(f"{len(plan.steps)} step(s) planned.")
        return
    if plan.open:
        raise click.ClickException(
            f"{len(plan.open)} conflict(s) are open; decide with --ours, --theirs or --take PATH=ours|theirs."
        )
    if plan.losses and not allow_loss:
        raise click.ClickException(f"{len(plan.losses)} step(s) take something away; --allow-loss runs them.")
    _apply(cli, plan)
    click.echo(f"{len(plan.steps)} step(s) done.")


@profile.command("drift")
@click.argument("name", metavar="[NAME]", required=False)
@_JSON
@pass_cli
def drift_of(cli: Cli, name: str | None, *, as_json: bool) -> None:
    """Say what admins changed since a profile was applied; of all applied profiles without a name."""
    from tracker.core.profile.applied import applied_profiles
    from tracker.core.profile.drift import drift

    with cli.workspace.read(cli.actor) as reading:
        applied = {key: each for key, each in applied_profiles(reading).items() if not each.undone}
        names = [name] if name else list(applied)
        found = {each: drift(reading, each) for each in names}
    if as_json:
        kinds = ("added", "changed", "taken_away")
        echo_json(
            [
                {"profile": key, "version": applied[key].version}
                | {how: [each.to_json() for each in some if each.how == how] for how in kinds}
                for key, some in found.items()
            ]
        )
        return
    for sentence in dict.fromkeys(str(each.sentence) for some in found.values() for each in some):
        click.echo(sentence)
    if not names:
        click.echo("No profile is applied.")
    elif not any(found.values()):
        click.echo(f"Nothing differs from {', '.join(names)}.")


@profile.command("remove")
@click.argument("name", metavar="NAME")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and change nothing.")
@_JSON
@pass_cli
def remove_profile(cli: Cli, name: str, *, dry_run: bool, as_json: bool) -> None:
    """Take away what a profile brought, and nobody changed or uses.

    What holds data or was changed is retired, or stays, and is listed. It is one change set: `tracker undo`
    brings all back.
    """
    from tracker.core.profile.remove import plan_removal, remove

    with cli.workspace.read(cli.actor) as reading:
        removal = plan_removal(reading, name)
    if as_json:
        echo_json(removal.to_json())
    else:
        for sentence in (*removal.sentences, *removal.kept):
            click.echo(str(sentence))
    if dry_run:
        click.echo(f"{len(removal.plan.steps)} step(s) planned.", err=as_json)
        return
    with cli.workspace.change(
        cli.actor, door="cli", kind="profile", reason=f"remove {name}", quiet=True, designing=True
    ) as change:
        remove(change, removal)
    click.echo(f"{len(removal.plan.steps)} step(s) done.", err=as_json)


@profile.command("export")
@click.option(
    "--name", metavar="KEY", default="", help="Key of the profile; made from the name of the house."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write, else it is printed.",
)
@pass_cli
def export_profile(cli: Cli, *, name: str, output: Path | None) -> None:
    """Write the design of the workspace as a profile, which makes the same design in an empty one.

    Left out: items, people, what is retired, and people's private views.
    """
    from tracker.core.profile.export import export
    from tracker.core.profile.problems import ProfileError
    from tracker.core.profile.read import Ground, read_profile_text

    with cli.workspace.read(cli.actor) as reading:
        text = export(reading, name=name)
        ground = replace(Ground.of(reading), design=None)
    if output is None:
        click.echo(text, nl=False)
    else:
        output.write_text(text, encoding="utf-8")
    try:
        read_profile_text(text, ground, file=str(output or "profile.yaml"))
    except ProfileError as error:  # a design can be what no profile may say: the text is there to be mended
        raise click.ClickException(
            f"The profile needs to be mended before it can be applied.\n{error}"
        ) from error


@profile.command("test")
@_NAME
@_SET
@_JSON
@pass_cli
def try_profile(cli: Cli, name: str, *, answers: tuple[str, ...], as_json: bool) -> None:
    """Try a profile out in a workspace of its own that is thrown away: exit code 1 when something is wrong.

    It is checked and applied, its demo data are loaded, and every view, rule, condition and computed field is
    asked. What the demo data do not show is told as well.
    """
    from tracker.app import open_workspace
    from tracker.core.profile.read import Ground, read_profile
    from tracker.core.profile.trial import tried
    from tracker.settings import Settings

    with TemporaryDirectory(prefix="tracker-profile-") as home:
        workspace = open_workspace(Settings(home=Path(home)))
        try:
            with workspace.read(cli.system) as reading:
                found = read_profile(name, Ground.of(reading))
            trial = tried(workspace, found, _given(answers))
        finally:
            workspace.database.close()
    if as_json:
        echo_json(trial.to_json())
    else:
        counts = ", ".join(f"{number} {what}" for what, number in trial.counts.items())
        click.echo(f"{found.name} {found.version}: {counts}.")
        for hint in trial.hints:
            click.echo(hint)
    if trial.problems:
        raise click.ClickException("\n".join((f"{len(trial.problems)} problem(s).", *trial.problems)))


@profile.command("demo")
@_NAME
@click.option("--clear", is_flag=True, help="Take the demo data away again.")
@pass_cli
def demo(cli: Cli, name: str, *, clear: bool) -> None:
    """Load the demo data of a profile, or clear it."""
    from tracker.core.access.rights import require_admin
    from tracker.core.profile.demo import clear_demo, load_demo

    found = read(cli, name)
    if clear:
        number = clear_demo(cli.workspace, cli.actor, found.name)
        click.echo(f"Demo data cleared: {number} item(s) are in the trash.")
        return
    with cli.workspace.read(cli.actor) as reading:
        require_admin(reading)
    click.echo(f"Demo data loaded: {len(load_demo(cli.workspace, found))} change set(s).")


def read(cli: Cli, name: str) -> Profile:
    """Read and check a profile against this workspace."""
    from tracker.core.profile.read import Ground, read_profile

    with cli.workspace.read(cli.actor) as reading:
        return read_profile(name, Ground.of(reading))


def apply_if_new(cli: Cli, name: str, answers: Iterable[str]) -> None:
    """Apply a profile unless it is applied; then it stays as its admins have it."""
    from tracker.core.profile.applied import applied_profiles

    found = read(cli, name)
    with cli.workspace.read(cli.actor) as reading:
        applied = applied_profiles(reading)
    held = applied.get(found.name)
    if held is not None and not held.undone:
        return
    if any(found.name in each.builds_on for each in applied.values()):
        return  # another one took over from it
    plan = _plan(cli, name, answers)
    if plan.losses:
        raise click.ClickException(
            f"The profile would take something away; run: tracker profile apply {name}"
        )
    _apply(cli, plan)
    click.echo(f"Applied {found.title}: {len(plan.steps)} step(s).")


def load_demo_if_new(cli: Cli, name: str) -> None:
    """Load the demo data of a profile unless they are there."""
    from tracker.core.profile.applied import applied_profiles
    from tracker.core.profile.demo import load_demo

    found = read(cli, name)
    with cli.workspace.read(cli.actor) as reading:
        if applied_profiles(reading)[found.name].demo_cs:
            return
    click.echo(f"Loaded demo data: {len(load_demo(cli.workspace, found))} change set(s).")


def _plan(
    cli: Cli,
    name: str,
    answers: Iterable[str],
    *,
    ours: bool = False,
    theirs: bool = False,
    taken: tuple[str, ...] = (),
) -> ProfilePlan:
    from tracker.core.profile.merging import Takes
    from tracker.core.profile.plan import plan

    given = _given(answers)
    found = read(cli, name)
    with cli.workspace.read(cli.actor) as reading:
        return plan(reading, found, given or None, takes=Takes.read(taken, ours=ours, theirs=theirs))


def _given(answers: Iterable[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for each in answers:
        question, equals, answer = each.partition("=")
        if not equals:
            raise click.UsageError(f"Write --set QUESTION=ANSWER, not “{each}”.")
        given[question.strip()] = answer.strip()
    return given


def _apply(cli: Cli, plan: ProfilePlan) -> None:
    from tracker.core.profile.apply import apply

    with cli.workspace.change(
        cli.actor, door="cli", kind="profile", reason=f"apply {plan.profile.name}", quiet=True, designing=True
    ) as change:
        apply(change, plan)


def _show(plan: ProfilePlan) -> None:
    for sentence in plan.sentences:
        click.echo(sentence)
    for kept in plan.kept:
        click.echo(str(kept))
    for conflict in plan.conflicts:
        decided = f"Decided for {conflict.taken}" if conflict.taken else "Conflict"
        click.echo(f"{decided}: {conflict.sentence}", err=True)
    for step in plan.losses:
        click.echo(f"Takes something away: {step.sentence}", err=True)
