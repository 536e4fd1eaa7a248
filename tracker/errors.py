"""One tree of errors: what happened and what to do, a stable code, and the status a door answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from tracker.i18n import Message, _

FieldMessages = Mapping[str, Sequence[Message]]


class TrackerError(Exception):
    """Root of everything Tracker refuses. `str(error)` is a sentence a person can act on."""

    code = "error"
    status = 400

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Invalid(TrackerError):
    """A value, or several values of one item, that their fields refuse.

    `fields` is `{field key: [sentences]}`; a field type raises it without and
    whoever judges the whole item gathers them. The key `""` is the item itself.
    """

    status = 422

    def __init__(self, code: str, message: Message, fields: FieldMessages | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.fields: FieldMessages = fields or {}

    @classmethod
    def of(cls, fields: FieldMessages) -> Invalid:
        """Gather the refusals of several fields into one error, whose sentence names them all."""
        sentences = [str(message) for messages in fields.values() for message in messages]
        return cls("invalid", _("%(sentences)s", sentences=" ".join(sentences)), fields)


class Unknown(TrackerError):
    """A name that is not there, or that the actor may not know of: one sentence for both."""

    code, status = "unknown", 404

    def __init__(self, what: str, name: str, known: Iterable[str] = ()) -> None:
        near = nearest(name, known)
        hint = _(" Did you mean “%(near)s”?", near=near) if near else ""
        super().__init__(_("There is no %(what)s “%(name)s”.%(hint)s", what=what, name=name, hint=hint))
        self.near = near


class NotFound(TrackerError):
    """No such item among those that the actor may view."""

    code, status = "not_found", 404

    def __init__(self, tracker: str, item: object) -> None:
        super().__init__(_("%(tracker)s #%(item)s is not there.", tracker=tracker, item=item))


DENIED = {  # the keys of actions in words; any other action is a word itself
    "view": "You may not see %(what)s.",
    "create": "You may not add %(what)s.",
    "trash": "You may not move %(what)s to the trash.",
    "restore": "You may not bring %(what)s back from the trash.",
    "bulk": "You may not change many %(what)s at once.",
    "import": "You may not import %(what)s.",
    "export": "You may not export %(what)s.",
}


class Forbidden(TrackerError):
    """The actor sees the thing, but has no right to do this to it."""

    code, status = "forbidden", 403

    def __init__(self, action: str, what: str) -> None:
        told = DENIED.get(action, "You may not %(action)s %(what)s.")
        super().__init__(Message(f"{told} Ask an administrator for the right.", action=action, what=what))


class Stale(TrackerError):
    """Someone else saved the item since the caller read it."""

    code, status = "stale", 409

    def __init__(self, tracker: str, item_id: int, sent: int) -> None:
        super().__init__(
            _(
                "%(tracker)s #%(id)s was saved by someone else after version %(sent)s.",
                tracker=tracker,
                id=item_id,
                sent=sent,
            )
        )


class Refused(TrackerError):
    """A write that the state of the data does not allow; nothing was changed."""

    code, status = "refused", 409


class Locked(Refused):
    """The item is locked; nothing was changed."""

    code, status = "locked", 409

    def __init__(self, by: str, day: str) -> None:
        super().__init__(_("It is locked by %(by)s since %(day)s: unlock it first.", by=by, day=day))


class Shifted(Refused):
    """What is selected is not what somebody was asked about; nothing was changed."""

    code, status = "shifted", 409


class Rejected(Invalid):
    """A plugin's gate stopped the write; nothing was changed. Doors tell it where they tell other refusals."""

    def __init__(self, message: Message | str, field: str = "") -> None:
        said = message if isinstance(message, Message) else Message(message.replace("%", "%%"))
        super().__init__("rejected", said, {field: [said]})
        self.field = field


class DesignChanged(TrackerError):
    """Two people changed the design at once: one won, this is the other."""

    code, status = "design_changed", 409

    def __init__(self) -> None:
        super().__init__(
            _("Someone else changed the design meanwhile. Nothing was saved; look at it again and repeat.")
        )


class Misconfigured(TrackerError):
    """A setting, a file or a service that the workspace cannot work with."""

    code, status = "misconfigured", 500


class Sealed(TrackerError):
    """The vault is shut: no key, a wrong key, or a value that does not open."""

    code, status = "sealed", 503


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None when none is close."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None
