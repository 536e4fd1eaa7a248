"""What plugins registered at start: field types, behaviors, panels, pages and handlers of jobs, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tracker.errors import Misconfigured, TrackerError
from tracker.fields.base import FieldType
from tracker.fields.registry import TypeRegistry
from tracker.hookspecs import Behavior, Handler, Panel, StartContext
from tracker.i18n import _

if TYPE_CHECKING:
    from tracker.core.base.hooks import Hooks


@dataclass(frozen=True)
class Registered:
    """Answers to the register hooks, each with the name of its plugin where that matters."""

    behaviors: Mapping[str, Behavior] = field(default_factory=dict)
    panels: Mapping[str, tuple[str, Panel]] = field(default_factory=dict)  # name -> (plugin, panel)
    blueprints: tuple[tuple[str, Any], ...] = ()  # (plugin, flask.Blueprint), mounted below /p/<plugin>/
    jobs: Mapping[str, Handler] = field(default_factory=dict)  # topic -> handler


def collect_types(hooks: Hooks, ctx: StartContext) -> TypeRegistry:
    """Ask plugins for field types; one that takes a taken name is quarantined, and gives none."""
    types = TypeRegistry()
    for name, answer in hooks.register("register_field_types", ctx):
        try:
            offered = tuple(answer)
            for cls in offered:
                if not (isinstance(cls, type) and issubclass(cls, FieldType)):
                    raise Misconfigured(_("%(what)s is no field type.", what=repr(cls)))
            types = TypeRegistry([*types, *offered])
        except Exception as error:  # noqa: BLE001 - a plugin may answer anything
            hooks.quarantine(name, _sentence(error))
    return types


def collect(hooks: Hooks, ctx: StartContext) -> Registered:
    """Ask plugins for all else that is registered, and keep it in `hooks.registered`."""
    behaviors = _gather(hooks, "register_behaviors", ctx, entries=_named)
    panels = _gather(hooks, "register_panels", ctx, entries=_named)
    blueprints = _gather(hooks, "register_blueprints", ctx, entries=_named)
    jobs = _gather(hooks, "register_jobs", ctx, entries=_topics)
    here = hooks.plugins  # one quarantined by a later question takes its earlier answers with it
    hooks.registered = Registered(
        {key: each for key, (plugin, each) in behaviors.items() if plugin in here},
        {key: found for key, found in panels.items() if found[0] in here},
        tuple(found for found in blueprints.values() if found[0] in here),
        {key: each for key, (plugin, each) in jobs.items() if plugin in here},
    )
    return hooks.registered


Entries = Iterator[tuple[str, Any]]


def _gather(
    hooks: Hooks, hook: str, ctx: StartContext, *, entries: Callable[[str, Any], Entries]
) -> dict[str, tuple[str, Any]]:
    found: dict[str, tuple[str, Any]] = {}
    for plugin, answer in hooks.register(hook, ctx):
        try:
            mine = dict(entries(plugin, answer))
            for key in mine:
                if key in found:
                    raise Misconfigured(
                        _(
                            "“%(key)s” (%(hook)s) is taken by the plugin “%(taken)s”.",
                            key=key,
                            hook=hook,
                            taken=found[key][0],
                        )
                    )
        except Exception as error:  # noqa: BLE001 - a plugin may answer anything
            hooks.quarantine(plugin, _sentence(error))
            continue
        found |= {key: (plugin, each) for key, each in mine.items()}
    return found


def _named(_plugin: str, answer: Any) -> Entries:
    return ((each.name, each) for each in answer)


def _topics(plugin: str, answer: Any) -> Entries:
    for topic, handler in answer.items():
        if not topic.startswith(f"{plugin}.") or not callable(handler):
            raise Misconfigured(
                _(
                    "The topic “%(topic)s” should be called “%(plugin)s.…”, with a function.",
                    topic=topic,
                    plugin=plugin,
                )
            )
        yield topic, handler


def _sentence(error: Exception) -> str:
    return (
        str(error)
        if isinstance(error, TrackerError)
        else f"Its answer cannot be used: {type(error).__name__}: {error}"
    )
