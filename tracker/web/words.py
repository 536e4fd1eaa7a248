"""Words and numbers for people: counts with their noun, moments as one says them, initials, tones."""

from __future__ import annotations

from datetime import datetime, timedelta

from babel.dates import format_datetime, format_timedelta

from tracker.core.ask.page import Count
from tracker.core.design.bound import Tracker
from tracker.i18n import Reader

TONES = ("blue", "violet", "green", "amber", "pink", "orange")


def noun(title: str) -> str:
    """Return a title as it stands within a sentence: `Person` as `person`, `NGI` as it is."""
    return title[:1].lower() + title[1:] if title[1:2].islower() or len(title) == 1 else title


def counted(count: Count | int, tracker: Tracker, reader: Reader) -> str:
    """Return a number with its noun, such as `1 person`, `10,000+ people`."""
    count = Count(count) if isinstance(count, int) else count
    one = count.n == 1 and not count.more
    return f"{number(count, reader)} {noun(tracker.title_one if one else tracker.title)}"


def number(count: Count | int, reader: Reader) -> str:
    """Return a count with separators, and a plus where counting ended early."""
    count = Count(count) if isinstance(count, int) else count
    return reader.number(count.n) + ("+" if count.more else "")


def ago(moment: datetime, now: datetime, reader: Reader) -> str:
    """Return a moment as one says it: relative below a week, else the day."""
    gone = now - moment
    if gone < timedelta(minutes=1):
        return "just now"
    here, today = moment.astimezone(reader.zone), now.astimezone(reader.zone)
    if gone < timedelta(hours=1):
        return format_timedelta(-gone, add_direction=True, locale=reader.babel)
    if here.date() == today.date():
        return format_datetime(moment, "HH:mm", tzinfo=reader.zone, locale=reader.babel)
    if gone < timedelta(days=6):
        return format_datetime(moment, "EEEE HH:mm", tzinfo=reader.zone, locale=reader.babel)
    return reader.date(here.date())


def initials(name: str) -> str:
    """Return up to two letters that stand for a name."""
    words = [word for word in name.replace("&", " ").replace("@", " ").split() if word[0].isalpha()]
    if not words:
        return "·"
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return letters.upper()


def tone(seed: int | str) -> str:
    """Return the tone of an avatar: always the same for the same seed."""
    value = seed if isinstance(seed, int) else sum(map(ord, seed))
    return TONES[value % len(TONES)]
