"""Asking plugins: the only place that calls them, one implementation at a time.

pluggy's own call stops at the first implementation that raises, and its entry-point loader at the first
broken import; a plugin must not take the house down, so both are done here, plugin by plugin.
"""

from __future__ import annotations

import logging
import re
import time
import traceback
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint
from importlib.metadata import entry_points as find_entry_points
from pathlib import Path
from typing import Any

import pluggy

from tracker import hookspecs
from tracker.core.base.registered import Registered
from tracker.errors import Invalid, Misconfigured, Rejected, TrackerError, nearest
from tracker.hookspecs import API, PROJECT, GateContext, ItemChange, NotifyContext, PluginInfo, StartContext
from tracker.i18n import _
from tracker.logs import facts, fault

log = logging.getLogger(__name__)

GROUP = "tracker.plugins"
CUT_OFF = 5  # failures of one plugin in a row
SLOW_S = 1.0  # a notification that takes longer is logged
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Quarantined:
    """A plugin that is installed but not asked, and the sentence that says why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Plugin:
    """A plugin that is asked: what it says of itself, and where it comes from."""

    info: PluginInfo
    origin: str


class Hooks:
    """The plugins of a process. Without arguments there are none, and every question is answered at once."""

    def __init__(self) -> None:
        self.plugins: dict[str, Plugin] = {}
        self.quarantined: list[Quarantined] = []
        self.registered = Registered()
        self._manager = _new_manager()
        self._asked: dict[str, list[tuple[str, Any]]] = {}
        self._failures: defaultdict[str, int] = defaultdict(int)
        self._cut_off: dict[str, str] = {}

    @classmethod
    def load(
        cls, *, bundled: Iterable[object] = (), entry_points: bool = True, disabled: Iterable[str] = ()
    ) -> Hooks:
        """Return hooks with the plugins that can be asked; the others are in `quarantined`.

        :param bundled: plugins of our own, asked before all others.
        :param entry_points: whether to load what is installed, in the order of names.
        :param disabled: names of plugins that are neither imported nor asked.
        """
        hooks = cls()
        off = frozenset(disabled)
        for plugin in bundled:
            origin = getattr(plugin, "__name__", type(plugin).__name__)
            name = getattr(getattr(plugin, "PLUGIN", None), "name", origin)
            if name not in off:
                hooks.add(plugin, name=name, origin=origin)
        found = find_entry_points(group=GROUP) if entry_points else ()
        for point in sorted(found, key=lambda point: (point.name, point.value)):
            if point.name not in off:
                hooks._load(point)
        return hooks

    # -- taking plugins in --------------------------------------------------------------------

    def add(self, plugin: object, *, name: str, origin: str) -> None:
        """Take one plugin in, or quarantine it."""
        try:
            info = _info(plugin, name)
            if info.name in self.plugins:
                raise Misconfigured(
                    _(
                        "The name “%(name)s” is taken by %(taken)s; %(origin)s comes too late.",
                        name=info.name,
                        taken=self.plugins[info.name].origin,
                        origin=origin,
                    )
                )
            _probe(plugin, name)
        except TrackerError as error:
            self._note(name, str(error))
            return
        self._manager.register(plugin, name=name)
        self.plugins[name] = Plugin(info, origin)
        self._sort()

    def quarantine(self, name: str, reason: str) -> None:
        """Ask the plugin nothing from now on; whoever looks at the plugins is shown `reason`."""
        if self.plugins.pop(name, None) is not None:
            self._manager.unregister(name=name)
            self._sort()
        self._note(name, reason)

    def _load(self, point: EntryPoint) -> None:
        try:
            plugin = point.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may fail in any way
            self._note(point.name, f"It cannot be imported: {type(error).__name__}: {error}")
            return
        origin = f"{point.dist.name} ({point.value})" if point.dist else point.value
        self.add(plugin, name=point.name, origin=origin)

    def _note(self, name: str, reason: str) -> None:
        log.warning("a plugin is quarantined; tracker plugin list says why", extra=facts(plugin=name))
        self.quarantined.append(Quarantined(name, reason))

    def _sort(self) -> None:
        """Order the implementations of each hook: as plugins were taken in, `tryfirst` and `trylast` apart."""
        order = {name: place for place, name in enumerate(self.plugins)}
        self._asked = {}
        for hook in HOOKS:
            found = getattr(self._manager.hook, hook).get_hookimpls()
            found = sorted(found, key=lambda one: (not one.tryfirst, one.trylast, order[one.plugin_name]))
            if found:
                self._asked[hook] = [(one.plugin_name, one) for one in found]

    # -- asking -------------------------------------------------------------------------------

    def asked(self, hook: str) -> bool:
        """Return whether any plugin answers `hook`: hot paths look before they gather what to ask."""
        return hook in self._asked

    def names(self, hook: str) -> tuple[str, ...]:
        """Return the names of the plugins that answer `hook`, in the order in which they are asked."""
        return tuple(name for name, _one in self._asked.get(_known(hook), ()))

    def register(self, hook: str, ctx: StartContext) -> list[tuple[str, Any]]:
        """Ask a register hook; return the answers that are not None, with the plugins' names."""
        answers = []
        for name, one in list(self._asked.get(_known(hook), ())):
            try:
                answer = _call(one, {"ctx": ctx})
            except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
                self.quarantine(name, f"{hook} failed: {_told(error)}")
                continue
            if answer is not None:
                answers.append((name, answer))
        return answers

    def gate(self, hook: str, ctx: GateContext, changes: Sequence[ItemChange]) -> Sequence[ItemChange]:
        """Ask a gate hook in the write's transaction; return the changes as the last plugin left them.

        :raises Rejected: a plugin said so, or failed; then the sentence names it.
        """
        for name, one in self._asked.get(_known(hook), ()):
            try:
                answer = _call(one, {"ctx": ctx, "changes": changes})
                changes = _changed(changes, answer) if hook == "item_before_save" else changes
            except (Rejected, Invalid):
                raise
            except Exception as error:
                log.warning("a plugin failed", extra=facts(plugin=name, hook=hook, **fault(error)))
                raise Rejected(
                    _(
                        "The plugin “%(name)s” failed (%(what)s), so nothing was saved. "
                        "Tell an administrator; switching the plugin off lets the write through.",
                        name=name,
                        what=type(error).__name__,
                    )
                ) from error
        return changes

    def notify(
        self, hook: str, ctx: NotifyContext, changed: Any, *, only: Iterable[str] | None = None
    ) -> dict[str, str]:
        """Ask a notify hook; return `{plugin: reason}` of those that failed and may be asked again.

        :param only: names of the plugins to ask; the others were told before.
        """
        failed = {}
        chosen = None if only is None else frozenset(only)
        for name, one in self._asked.get(_known(hook), ()):
            if name in self._cut_off or (chosen is not None and name not in chosen):
                continue
            began = time.monotonic()
            try:
                _call(one, {"ctx": ctx, "changed": changed})
            except Exception as error:  # noqa: BLE001 - a plugin may fail in any way
                failed[name] = where(error)
                self._count_failure(name, hook, error)
            else:
                self._failures.pop(name, None)
            took = time.monotonic() - began
            told = facts(plugin=name, hook=hook, seconds=round(took, 3))
            log.log(logging.WARNING if took > SLOW_S else logging.DEBUG, "a plugin was told", extra=told)
        return {name: reason for name, reason in failed.items() if name not in self._cut_off}

    @property
    def cut_off(self) -> Mapping[str, str]:
        """Plugins that this process no longer notifies, with the reason; they are still asked all else."""
        return dict(self._cut_off)

    def _count_failure(self, name: str, hook: str, error: Exception) -> None:
        self._failures[name] += 1
        told = {"plugin": name, "hook": hook, "failures": self._failures[name]}
        log.warning("a plugin failed", extra=facts(**told, **fault(error)))
        if self._failures[name] >= CUT_OFF:
            self._cut_off[name] = f"It failed {CUT_OFF} times in a row, last in {hook}: {where(error)}."
            log.error("a plugin is no longer notified", extra=facts(**told))


def where(error: BaseException) -> str:
    """Return the kind of an error and its place in the code: what may be logged, since it holds no values.

    Our own errors, whose sentences are written for people, are shown in full.
    """
    if isinstance(error, TrackerError):
        return f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"


def _told(error: Exception) -> str:
    """Return an error of the start, when there are no values yet, in full."""
    return f"{where(error)}: {error}" if not isinstance(error, TrackerError) else where(error)


def _new_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


HOOKS: tuple[str, ...] = tuple(
    name for name, one in vars(hookspecs).items() if hasattr(one, f"{PROJECT}_spec")
)


def _known(hook: str) -> str:
    if hook not in HOOKS:
        raise ValueError(f"There is no hook {hook}")
    return hook


def _info(plugin: object, name: str) -> PluginInfo:
    info = getattr(plugin, "PLUGIN", None)
    if not isinstance(info, PluginInfo):
        raise Misconfigured(
            _("It does not say PLUGIN = PluginInfo(name=..., version=..., api=%(api)d).", api=API)
        )
    if not _NAME.fullmatch(info.name):
        raise Misconfigured(_("“%(name)s” is no name for a plugin: a-z, 0-9 and _ only.", name=info.name))
    if info.name != name:
        raise Misconfigured(
            _("Its entry point is called “%(point)s”, its PLUGIN “%(name)s”.", point=name, name=info.name)
        )
    if info.api != API:
        raise Misconfigured(
            _(
                "It is written for API %(theirs)s of plugins, this Tracker offers %(ours)d; install a release that fits.",
                theirs=info.api,
                ours=API,
            )
        )
    return info


def _probe(plugin: object, name: str) -> None:
    """Try the plugin on a manager of its own, so that a refused one leaves nothing behind.

    :raises Misconfigured: a hook that does not exist, takes other arguments or wraps others.
    """
    manager = _new_manager()
    try:
        manager.register(plugin, name=name)
        for caller in manager.get_hookcallers(manager.get_plugin(name)) or ():
            if caller.name not in HOOKS:
                near = nearest(caller.name, HOOKS)
                hint = f" Did you mean “{near}”?" if near else ""
                raise Misconfigured(_("There is no hook “%(name)s”.%(hint)s", name=caller.name, hint=hint))
            if any(one.hookwrapper or one.wrapper for one in caller.get_hookimpls()):
                raise Misconfigured(_("“%(name)s” wraps others, which is not asked here.", name=caller.name))
        manager.check_pending()
    except TrackerError:
        raise
    except Exception as error:
        raise Misconfigured(_("It cannot be asked: %(error)s", error=_first_line(error))) from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _call(one: Any, arguments: Mapping[str, Any]) -> Any:
    return one.function(*(arguments[name] for name in one.argnames))


def _changed(before: Sequence[ItemChange], after: Sequence[ItemChange] | None) -> Sequence[ItemChange]:
    """Return a gate's answer, once it is clear that only values differ."""
    if after is None:
        return before
    after = tuple(after)
    if len(after) != len(before) or any(
        replace(new, new=old.new) != old for old, new in zip(before, after, strict=True)
    ):
        raise Misconfigured(_("A gate may change the values in `new`, and nothing else."))
    return after
