"""The behavior that brings notes: the tracker that holds them, whom they are for, and which rights go with them."""

from __future__ import annotations

from tracker.api import Behavior, _

NOTE = "timeline_note"
NAME = "timeline"
EVERYONE, GROUP, ME = "everyone", "group", "me"

# Whom a note is for, whatever is granted; an answer is for those, besides, who may read the note that it answers.
READERS = (
    "{0}seen_by = 'everyone' OR {0}owner = current_user OR ({0}seen_by = 'group' AND member_of({0}group))"
)
WITHIN = f"({READERS.format('')}) AND (reply_to IS NULL OR {READERS.format('reply_to.')})"

# Rights follow from the item that a note is about.
_SEEN = {"linked": "about"}
_CHANGED = {"linked": "about", "may": "change"}
_MINE_TOO = ["own", _CHANGED]

BEHAVIOR = Behavior(
    NAME,
    _("Notes"),
    _("People write down what happened, and see it beside what it is about."),
    trackers={
        NOTE: {
            "title": "Notes",
            "title_one": "Note",
            "icon": "note",
            "help": "What was said, written and agreed. Notes are kept on the page of what they are about.",
            "menu": "More",
            "name": ["kind", "happened"],
            "fields": {
                "kind": {
                    "type": "choice",
                    "label": "Kind",
                    "required": True,
                    "default": "note",
                    "choices": {
                        "note": "Note",
                        "call": "Call",
                        "meeting": "Meeting",
                        "letter": "Letter",
                        "email": "E-mail",
                        "comment": "Comment",
                    },
                },
                "text": {"type": "paragraph", "label": "Text", "required": True, "longest": 20_000},
                "about": {"type": "timeline_about", "label": "About", "required": True},
                "happened": {"type": "moment", "label": "When", "required": True, "indexed": True},
                "tags": {"type": "tags", "label": "Tags"},
                "reply_to": {"type": "link", "label": "Answers", "to": NOTE},
                "pinned": {"type": "yes_no", "label": "Pinned", "default": False},
                "seen_by": {
                    "type": "choice",
                    "label": "Who can read it",
                    "required": True,
                    "default": EVERYONE,
                    "choices": {
                        EVERYONE: "Everyone who sees what it is about",
                        GROUP: "One group",
                        ME: "Only the writer",
                    },
                },
            },
            "views": {
                "newest": {
                    "title": "Newest",
                    "sort": ["-happened"],
                    "columns": ["kind", "text", "about", "happened", "tags", "seen_by"],
                }
            },
            "within": WITHIN,
            "grants": {
                "view": {"view": _SEEN},
                "comment": {
                    "view": _SEEN,
                    "create": {"linked": "about", "may": "comment"},
                    "change": _MINE_TOO,
                    "trash": _MINE_TOO,
                    "restore": _MINE_TOO,
                },
                "change": {"change": _CHANGED, "trash": _CHANGED, "restore": _CHANGED},
            },
        }
    },
)
