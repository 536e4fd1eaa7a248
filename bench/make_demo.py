"""Write the demo data of the shipped profiles: the same lines on every machine.

    python bench/make_demo.py [-o FOLDER]

Three years of an association: people join, pay, give, move, help, leave. Days are counted before today, so that
the data never grows old. Lines with the same time, author and reason are one change set, as a day's work is.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from demo_members import basics, households, members, money_came, organisations, ties
from demo_outreach import outreach
from demo_story import (
    EVENTS_LEAD,
    FUNDRAISER,
    OFFICE,
    TREASURER,
    Person,
    Story,
    Work,
    address,
    on,
    phone,
    plain,
)
from demo_words import CAMPAIGNS, EVENTS, FUNDS, TAGS, TOWNS

SUMS = ("20.00", "25.00", "50.00", "50.00", "100.00", "120.00")
SHIPPED = Path(__file__).parent.parent / "profiles"


# -- gifts ----------------------------------------------------------------------------------------


def campaigns(story: Story) -> list[tuple[str, int]]:
    """Make the campaigns; return each with the day on which it began."""
    made = []
    for title, kind, begins, ends, goal in CAMPAIGNS:
        values = {"title": title, "kind": kind, "starts_on": on(begins), "ends_on": on(ends), "goal": goal}
        alias = story.create(Work(begins + 40, 9, FUNDRAISER, "Plan of the year"), "campaign", values)
        story.change(Work(begins, 9, FUNDRAISER, "It goes out"), alias, status="running")
        story.change(
            Work(ends - 7, 9, FUNDRAISER, "Over, counted"),
            alias,
            status="done",
            cost=f"{story.between(8, 60) * 10}.00",
        )
        made.append((alias, begins))
        asked = [each for each in story.people if each.agreed and each.came > begins]
        for each in story.some(asked, 13):
            values = {
                "person": f"@{each.alias}",
                "campaign": f"@{alias}",
                "answer": "sent",
                "asked_on": on(begins),
            }
            approach = story.create(
                Work(begins, 10, FUNDRAISER, "Sent to the first list"), "approach", values
            )
            if story.chance(0.35):
                answer = story.pick(("yes", "yes", "no", "later"))
                story.change(
                    Work(begins - 14, 10, FUNDRAISER, "Answers of two weeks"), approach, answer=answer
                )
    return made


def gifts(story: Story, homes: list[list[Person]], *, asked: list[tuple[str, int]], made: list[str]) -> None:
    """Gifts that answer campaigns, gifts of organisations, and a few that go other ways."""
    givers = story.some([people[0] for people in homes], 80)
    for alias, began in asked:
        for giver in [each for each in givers if each.came > began and story.chance(0.34)]:
            day = max(1, began - story.between(3, 40))
            who: dict[str, str | None] = {"person": f"@{giver.alias}", "campaign": f"@{alias}"}
            who["household"] = f"@{giver.household}" if giver.household else None
            gift(story, who, amount=story.pick(SUMS), day=day)
    for alias in made[:17]:
        for _gift in range(story.between(0, 3)):
            amount = f"{story.between(2, 20) * 50}.00"
            gift(story, {"organisation": f"@{alias}"}, amount=amount, day=story.between(5, 1060))


def gift(story: Story, who: dict[str, str | None], *, amount: str, day: int) -> None:
    """One gift: most come at once, some are promised first, few do not come or are given back."""
    day = max(1, day - day % 7) if day > 7 else day
    title = (
        story.pick(("For the boat house", "For clean banks", "For the youth camp"))
        if story.chance(0.4)
        else None
    )
    method = story.pick(("transfer", "transfer", "card", "cash"))
    values = {"title": title, "amount": amount, **who, "pays_by": method}
    if story.chance(0.12):
        promised = Work(day, 11, FUNDRAISER, "Promises of the week")
        alias = story.create(promised, "donation", {**values, "given_on": on(day - 28)})
        if day <= 28:
            return
        if story.chance(0.15):
            story.change(Work(day - 28, 11, FUNDRAISER, "Asked again in vain"), alias, status="lost")
            return
        day -= 28
        story.change(Work(day, 15, TREASURER, "Bank statement"), alias, status="received", given_on=on(day))
    else:
        work = Work(day, 15, TREASURER, "Bank statement")
        alias = story.create(work, "donation", {**values, "status": "received", "given_on": on(day)})
    money_came(story, {"donation": f"@{alias}"}, amount, day=day, method=method)
    after_gift(story, alias, who, day=day)


def after_gift(story: Story, alias: str, who: dict[str, str | None], *, day: int) -> None:
    """Thank for a gift, share it among funds, and name others who are thanked."""
    if story.chance(0.75):
        thanks = Work(day - 7, 12, FUNDRAISER, "Letters of thanks")
        story.change(thanks, alias, thanked_on=on(day - 7), receipt_sent_on=on(day - 7))
    if story.chance(0.16):
        work = Work(day, 17, TREASURER, "What it is for")
        first, second = story.some(range(1, len(FUNDS) + 1), 2)
        shares = ((first, "100"),) if story.chance(0.6) else ((first, "60"), (second, "40"))
        for fund, percent in shares:
            story.create(
                work, "allocation", {"donation": f"@{alias}", "fund": f"@f{fund}", "percent": percent}
            )
    if who.get("person") and story.chance(0.1):
        others = [each for each in story.people if each.came > day and f"@{each.alias}" != who["person"]]
        values = {
            "donation": f"@{alias}",
            "person": f"@{story.pick(others).alias}",
            "role": story.pick(("solicitor", "influencer")),
        }
        story.create(Work(day, 17, FUNDRAISER, "Who brought it about"), "soft_credit", values)
    if story.chance(0.012) and day > 20:
        story.change(
            Work(day - 14, 17, TREASURER, "Sent twice by mistake"),
            alias,
            status="refunded",
            refunded_on=on(day - 14),
        )


def regular(story: Story) -> None:
    """Promises to give every month or quarter, and what came of them."""
    for number, giver in enumerate(story.some([each for each in story.people if each.debit], 7)):
        every, step = ("month", 30) if number < 3 else ("quarter", 90)
        amount = story.pick(("5.00", "10.00", "15.00", "25.00"))
        begins = max(40, giver.came - story.between(20, 90))
        title = f"{giver.given} {giver.family}: {amount} every {every}"
        values = {"title": title, "person": f"@{giver.alias}", "amount": amount, "every": every}
        values |= {
            "promised_on": on(begins),
            "starts_on": on(begins),
            "method": "direct_debit",
            "day_of_month": 1,
        }
        alias = story.create(Work(begins, 11, FUNDRAISER, "Wants to give regularly"), "regular_gift", values)
        for day in range(begins - begins % 30, 0, -step):
            values = {
                "amount": amount,
                "person": f"@{giver.alias}",
                "regular_gift": f"@{alias}",
                "status": "received",
            }
            values |= {"given_on": on(day), "pays_by": "direct_debit", "plans_no_payments": True}
            values |= {"household": f"@{giver.household}" if giver.household else None}
            story.create(Work(day, 16, TREASURER, "Debits of the month"), "donation", values)
        if number == 2:
            story.change(Work(20, 11, FUNDRAISER, "Called: not for the moment"), alias, status="paused")


# -- what else happens ----------------------------------------------------------------------------


def events(story: Story) -> None:
    """Events, who books them, and who comes."""
    for title, kind, day, place, places, fee in EVENTS:
        town = story.pick(TOWNS)
        made = Work(max(2, day + 70 if day > 0 else 25 - day), 9, EVENTS_LEAD, "Plan of the season")
        led = story.pick([each for each in story.people if each.came > made.day])
        values = {
            "title": title,
            "kind": kind,
            "starts_at": f"{on(day)}T10:00",
            "ends_at": f"{on(day)}T16:30",
        }
        values |= {"place": place, "places": places, "fee": fee, "led_by": f"@{led.alias}"}
        values |= {"address": {"town": town.name, "country": town.country}}
        alias = story.create(made, "event", values)
        opened = max(1, made.day - 14)
        story.change(Work(opened, 9, EVENTS_LEAD, "Booking opens"), alias, status="open")
        book(story, alias, day=day, opened=opened, places=places, fee=bool(fee))
        story.change(Work(day - 1, 9, EVENTS_LEAD, "After the day"), alias, status="held")


def book(story: Story, event: str, *, day: int, opened: int, places: int, fee: bool) -> None:
    """Book places at an event, and note who came."""
    free = [each for each in story.people if each.came > opened]
    for each in story.some(free, min(9, places - 2)):
        booked = max(1, opened - story.pick((2, 9, 16)))
        values: dict[str, Any] = {"event": f"@{event}", "person": f"@{each.alias}", "booked_on": on(booked)}
        values |= {
            "seats": story.pick((1, 1, 1, 2, 2, 3)),
            "helps": story.chance(0.15),
            "fee_paid": fee and story.chance(0.7),
        }
        if story.chance(0.05):
            values["diet"] = story.pick(
                ("Nuts: even traces are dangerous.", "Vegetarian.", "Diabetes; carries insulin.")
            )
        alias = story.create(Work(booked, 10, EVENTS_LEAD, "Bookings"), "participation", values)
        if story.chance(0.06):
            story.change(Work(max(1, booked - 3), 11, EVENTS_LEAD, "Called off"), alias, status="cancelled")
        else:
            status = "came" if story.chance(0.88) else "stayed_away"
            story.change(Work(day - 1, 10, EVENTS_LEAD, "List of the day"), alias, status=status)


def tasks(story: Story) -> None:
    """Calls and letters that were to be done; the latest still are."""
    for number in range(66):
        who = story.pick(story.people)
        day = story.between(2, min(1000 if number < 46 else 30, who.came))
        day = day - day % 7 if day > 30 else day
        kind, title = story.pick(
            (
                ("call", f"Call back {who.given} {who.family}"),
                ("call", f"Ask {who.given} {who.family} about helping"),
                ("write", f"Send {who.given} {who.family} the join papers"),
                ("check", f"Is the address of {who.given} {who.family} right?"),
                ("meet", f"Coffee with {who.given} {who.family}"),
            )
        )
        values = {"title": title, "kind": kind, "person": f"@{who.alias}", "due_on": on(day - 14)}
        values |= {"urgency": story.pick(("normal", "normal", "normal", "high", "low"))}
        by = story.pick((OFFICE, FUNDRAISER, EVENTS_LEAD))
        alias = story.create(Work(day, 16, by, "Noted on the telephone"), "task", values)
        done = day - story.pick((2, 7, 14))
        if day > 30 or story.chance(0.3):
            story.change(Work(done, 16, by, "Done"), alias, status="done", done_on=on(done))


def changes(story: Story, homes: list[list[Person]]) -> None:
    """People move, change numbers, marry, agree, die."""
    for people in story.some([each for each in homes if each[0].household and each[0].came > 60], 26):
        work = Work(story.between(5, people[0].came - 20), 12, OFFICE, "Moved")
        town = people[0].town if story.chance(0.6) else story.pick(TOWNS)
        story.change(work, people[0].household, address=address(story, town))
    grown = [each for each in story.people if each.came > 60]
    for each in story.some(grown, 30):
        work = Work(story.between(5, each.came - 20), 13, OFFICE, "New telephone number")
        story.change(work, each.alias, phones=[phone(story, each.town)])
    for each in story.some(grown, 22):
        work = Work(story.between(5, each.came - 20), 14, OFFICE, "Answered the consent letter")
        told = story.some(("email", "phone", "post", "text"), 2)
        story.change(work, each.alias, may_contact=told, agreed_on=on(work.day), agreed_how="Consent letter")
    for each in story.some(grown, 18):
        work = Work(story.between(5, each.came - 20), 15, OFFICE, "Tags after the assembly")
        story.change(work, each.alias, tags=story.some(TAGS, 2))
    for each in story.some(grown[20:], 3):
        work = Work(story.between(8, 500), 15, OFFICE, "Read in the newspaper")
        work.day = min(work.day, each.came - 10)
        story.change(work, each.alias, deceased_on=on(work.day + 3), newsletter=False, no_contact=True)


def doubles(story: Story) -> None:
    """People and a fund that were entered twice, and went to the trash."""
    for each in story.some([each for each in story.people if each.came > 40], 7):
        day = story.between(6, each.came - 5)
        values = {
            "given_name": each.given,
            "family_name": each.family,
            "emails": [f"{plain(each.given)}2@{plain(each.family)}.example"],
        }
        alias = story.create(Work(day, 10, EVENTS_LEAD, "Signed up at the stall"), "person", values)
        story.add(Work(day - 3, 10, OFFICE, "Was there already"), {"trash": alias})
    alias = story.create(Work(430, 10, OFFICE, "Tried something"), "fund", {"title": "Test"})
    story.add(Work(429, 10, OFFICE, "Only a try"), {"trash": alias})


def story_of_three_years() -> Story:
    """Tell the whole story."""
    story = Story()
    basics(story)
    homes = households(story)
    made = organisations(story)
    ties(story, homes)
    members(story, homes, made)
    gifts(story, homes, asked=campaigns(story), made=made)
    regular(story)
    events(story)
    tasks(story)
    changes(story, homes)
    doubles(story)
    return story


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED, help="folder for the two files")
    folder = parser.parse_args().output
    for profile, story in (("nonprofit_membership", story_of_three_years()), ("esfri_outreach", outreach())):
        text = story.text()
        (folder / f"{profile}.demo.jsonl").write_text(text, encoding="utf-8")
        print(f"{text.count(chr(10))} events of {profile}")


if __name__ == "__main__":
    main()
