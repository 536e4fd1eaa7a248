"""Who there is in the demo: households, people, organisations, and their memberships and dues."""

from __future__ import annotations

from typing import Any

from demo_story import OFFICE, START, TOWN, TREASURER, Person, Story, Work, address, iban, on, phone, plain
from demo_words import FAMILY, FIRST, FUNDS, GIVEN, JOBS, MEMBERSHIP_TYPES, ORGANISATIONS, TAGS, TOWNS, Town

# -- who there is ---------------------------------------------------------------------------------


def basics(story: Story) -> None:
    """Kinds of membership and funds: what has to be there first."""
    work = Work(START, 8, OFFICE, "Set up the office")
    for key, title, dues, months, home, organisation in MEMBERSHIP_TYPES:
        values = {"title": title, "yearly_dues": dues, "months": months, "for_household": home}
        values |= {"for_organisation": organisation}
        story.add(work, {"create": "membership_type", "as": f"type_{key}", "values": values})
    for number, title in enumerate(FUNDS):
        story.create(
            work, "fund", {"title": title, "tied": number > 0, "goal": "5000.00" if number else None}
        )


def joining_days(story: Story, number: int) -> list[int]:
    """Return the days on which households came: most were there before, the others in the months since."""
    before = number * 3 // 5
    return [START] * before + sorted(
        (story.between(20, START - 30) for _one in range(number - before)), reverse=True
    )


def households(story: Story) -> list[list[Person]]:
    """Households of one to four people, 200 people in all; a few live without a household."""
    sizes = [1] * 58 + [2] * 42 + [3] * 11 + [4] * 2
    sizes = [sizes[index] for index in sorted(range(len(sizes)), key=lambda _index: story.dice.random())]
    homes = []
    for given, family, town, others in FIRST:
        names = [(given, family), *others]
        homes.append(home(story, names, START, town=TOWN[town], shared=bool(others)))
    for size, day in zip(sizes, joining_days(story, len(sizes)), strict=True):
        homes.append(home(story, new_names(story, size), day, town=story.pick(TOWNS)))
    while len(story.people) < 200:
        homes.append(
            home(story, new_names(story, 1), story.between(20, 700), town=story.pick(TOWNS), shared=False)
        )
    return homes


def new_names(story: Story, size: int) -> list[tuple[str, str]]:
    """Return the names of people who live together; some partners keep their own family name."""
    family = new_family(story)
    names = [(story.pick(GIVEN), family)]
    for _other in range(1, size):
        given = story.pick([each for each in GIVEN if each not in dict(names)])
        names.append((given, new_family(story) if len(names) == 1 and story.chance(0.4) else family))
    return names


def home(
    story: Story, names: list[tuple[str, str]], day: int, *, town: Town, shared: bool = True
) -> list[Person]:
    """Make one household (unless it is not `shared`) and its people."""
    work = Work(day, 9, OFFICE, "Brought over from the card index" if day == START else "Came to us")
    title = "–".join(dict.fromkeys(family for _given, family in names))
    alias, lives = "", address(story, town)
    if shared:
        greeting = " and ".join(given for given, _family in names) if len(names) < 3 else f"{title} family"
        values = {"title": title, "greeting": f"Dear {greeting}", "address": lives}
        values |= {
            "one_letter": len(names) > 1,
            "phones": [phone(story, town)] if story.chance(0.6) else None,
        }
        alias = story.create(work, "household", values)
    return [
        person(story, work, name, household=alias, town=town, place=place, lives=lives)
        for place, name in enumerate(names)
    ]


def new_family(story: Story) -> str:
    """Return a family name; few stand twice."""
    index = story.counts["family"] = story.counts.get("family", -1) + 1
    return FAMILY[index] if index < len(FAMILY) else story.pick(FAMILY)


def person(
    story: Story,
    work: Work,
    name: tuple[str, str],
    *,
    household: str,
    town: Town,
    place: int,
    lives: dict[str, str],
) -> Person:
    """Make one person."""
    given, family = name
    child = place > 1
    agreed = not child and story.chance(0.75)
    helps = None if child or not story.chance(0.35) else story.some(HELPS, story.between(1, 3))
    values: dict[str, Any] = {
        "given_name": given,
        "family_name": family,
        "birth_date": on(story.between(2600, 6000) + 800 if child else story.between(8500, 29000)),
        "household": f"@{household}" if household else None,
        "place_in_household": ("first", "partner", "child", "child")[place] if household else None,
        "emails": None if child else [f"{plain(given)}@{plain(family)}.example"],
        "phones": None if child else [phone(story, town)],
        "address": None if household else lives,
        "language": town.language,
        "newsletter": agreed and story.chance(0.8),
        "tags": story.some(TAGS, story.between(1, 2)) if story.chance(0.3) else None,
        "helps_with": helps,
        "hours_a_month": f"{story.between(2, 16) / 2}" if helps else None,
    }
    if agreed:
        values |= {
            "may_contact": story.some(("email", "phone", "post"), story.between(1, 3)),
            "agreed_on": on(work.day),
        }
        values |= {"agreed_how": "On the join form"}
    alias = story.alias("p")
    event = {
        "create": "person",
        "as": alias,
        "values": {key: each for key, each in values.items() if each is not None},
    }
    story.add(work, event | ({"group": "volunteers"} if helps else {}))
    made = Person(alias, given, family, town, work.day, household, agreed=agreed)
    story.people.append(made)
    return made


HELPS = ("events", "outdoors", "phone", "first_aid", "transport", "newsletter", "teaching", "accounts")


def organisations(story: Story) -> list[str]:
    """Make the organisations, and say who works there."""
    made = []
    for number, (title, kind, place) in enumerate(ORGANISATIONS):
        day = START if number < 17 else story.between(60, 1000)
        work = Work(day, 10, OFFICE, "Brought over from the card index" if day == START else "New partner")
        grown = [each for each in story.people if each.came > day - 1 and each.household] or story.people
        values: dict[str, Any] = {
            "title": title,
            "kind": kind,
            "emails": [f"office@{plain(title)}.example"],
            "phones": [phone(story, TOWN[place])],
            "website": f"https://{plain(title)}.example",
            "address": address(story, TOWN[place]),
            "contact_person": f"@{story.pick(grown).alias}" if story.chance(0.7) else None,
            "doubles_gifts": kind == "company" and story.chance(0.4),
        }
        made.append(story.create(work, "organisation", values))
    jobs = Work(700, 11, OFFICE, "Asked at the assembly where people work")
    for each in story.some([each for each in story.people if each.came > 700], 45):
        story.change(jobs, each.alias, organisation=f"@{story.pick(made[:17])}", job_title=story.pick(JOBS))
    return made


def ties(story: Story, homes: list[list[Person]]) -> None:
    """Relationships, second homes and notes that only the office reads."""
    for people in homes:
        if len(people) > 1:
            work = Work(people[0].came, 12, OFFICE, "Who belongs to whom")
            pairs = [("partner", people[0], people[1])] + [
                ("child", child, people[0]) for child in people[2:]
            ]
            for kind, one, other in pairs:
                values = {"kind": kind, "person": f"@{one.alias}", "other_person": f"@{other.alias}"}
                story.create(work, "relationship", values)
    for people in story.some([each for each in homes if each[0].household], 14):
        work = Work(story.between(20, people[0].came - 1), 12, OFFICE, "Told us the summer address")
        values = {
            "kind": "second_home",
            "household": f"@{people[0].household}",
            "address": address(story, story.pick(TOWNS)),
        }
        season = {"from_month": 6, "from_day": 15, "to_month": 8, "to_day": 31} if story.chance(0.6) else {}
        story.create(work, "other_address", values | season)
    notes = (
        "Hard of hearing: please write.",
        "Was ill in spring; do not ask for help now.",
        "Pays for the neighbour, who must not know.",
    )
    for number, each in enumerate(story.some(story.people, 9)):
        work = Work(story.between(3, each.came), 15, OFFICE, "After a call")
        story.change(work, each.alias, confidential_note=notes[number % len(notes)])


# -- memberships and dues -------------------------------------------------------------------------


def members(story: Story, homes: list[list[Person]], made: list[str]) -> None:
    """Give three of four households, some single people and some organisations their memberships."""
    for people in homes:
        if story.chance(0.8):
            first = people[0]
            kind = "home" if len(people) > 1 else story.pick(("single", "single", "single", "reduced"))
            whose = {"person": f"@{first.alias}"}
            if kind == "home":
                whose["household"] = f"@{first.household}"
            if story.chance(0.45):
                debit(story, first)
            terms(story, whose, kind, came=first.came, debit=first.debit)
    for alias in made[:8]:
        terms(story, {"organisation": f"@{alias}"}, "supporter", came=START, debit=False)
    for number, each in enumerate(story.some([people[0] for people in homes if people[0].came < 400], 3)):
        values = {"person": f"@{each.alias}", "membership_type": "@type_single", "joined_on": on(number + 2)}
        story.create(
            Work(number + 1, 13, OFFICE, "Asked to join"),
            "membership",
            {**values, "came_through": "web"},
        )


def debit(story: Story, who: Person) -> None:
    """Note that somebody pays by direct debit."""
    who.debit = True
    work = Work(who.came, 13, TREASURER, "Debit form")
    bank = {"iban": iban(story, who.town.country), "mandate_signed_on": on(who.came)}
    story.change(work, who.alias, pays_by="direct_debit", **bank)


def terms(story: Story, whose: dict[str, str], kind: str, *, came: int, debit: bool) -> None:
    """Let somebody join, and renew every year until today or until they leave."""
    start = came + story.between(0, 364) if came == START else came  # who was there before is in mid-year
    wait = story.between(0, 9) if came == START and start > START else 4
    joined = came if came < START else None
    values = {**whose, "membership_type": f"@type_{kind}", "joined_on": on(start + wait), "status": "active"}
    if joined:
        values |= {"status": "applied", "came_through": story.pick(("friend", "event", "web", "street"))}
    while start > 0:
        end = start - 364
        made = START if start > START else max(1, start - start % 14)
        why = "Asked to join" if "joined_on" in values and joined else "Renewals of the week"
        why = "Brought over from the card index" if made == START else why
        alias = story.create(
            Work(made, 13, OFFICE, why),
            "membership",
            {**values, "starts_on": on(start), "ends_on": on(end)},
        )
        if values["status"] == "applied":
            if made < 6:
                return  # still waits for an answer
            story.change(Work(made - 5, 13, OFFICE, "Accepted by the board"), alias, status="active")
        if start <= START:
            dues(story, whose, alias, kind=kind, sent=max(1, made - 6), debit=debit)
        if end <= 0 and made > 30 and story.chance(0.07):
            gone = story.between(2, made - 20)
            told = {"left_on": on(gone), "left_because": story.pick(("moved", "money", "time"))}
            story.change(Work(gone, 14, OFFICE, "Notice given"), alias, status="leaving", **told)
        if end <= 0 or not renewed(story, alias, made=made, end=end):
            return
        start = end - 1
        values = {**whose, "membership_type": f"@type_{kind}", "status": "active"}


def renewed(story: Story, alias: str, *, made: int, end: int) -> bool:
    """End a membership; return whether another follows it."""
    week = max(1, end - end % 14)
    if story.chance(0.05) and made - 20 > end + 60:
        work = Work(end + 50, 14, OFFICE, "Notice given")
        reason = story.pick(("moved", "money", "time", "other"))
        story.change(work, alias, status="leaving", left_on=on(end + 50), left_because=reason)
        story.change(Work(week, 14, OFFICE, "Year is over"), alias, status="ended")
        return False
    if story.chance(0.6 if week < 35 else 0.08):
        story.change(Work(week, 14, OFFICE, "Year is over, not yet paid"), alias, status="grace")
        if week < 35:
            return False
        if story.chance(0.5):
            story.change(
                Work(week - 30, 14, OFFICE, "Grace is over"), alias, status="ended", left_because="unpaid"
            )
            return False
        story.change(Work(week - 28, 14, OFFICE, "Paid in the end"), alias, status="ended")
        return True
    story.change(Work(week, 14, OFFICE, "Year is over"), alias, status="ended")
    return True


def dues(story: Story, whose: dict[str, str], membership: str, *, kind: str, sent: int, debit: bool) -> None:
    """Ask for one year's dues, and see whether they come."""
    amount = {key: price for key, _title, price, *_rest in MEMBERSHIP_TYPES}[kind]
    owes = {key: who for key, who in whose.items() if key != "household"}
    values = {
        **owes,
        "membership": f"@{membership}",
        "amount": amount,
        "issued_on": on(sent),
        "due_on": on(sent - 30),
    }
    alias = story.create(Work(sent, 12, OFFICE, "Dues of the week"), "dues", values)
    paid = sent - (14 if debit else story.between(6, 75))
    paid -= paid % 7
    late = sent < 100 and story.chance(0.4)  # has not paid to this day
    if not debit and (late or story.chance(0.04) or paid < sent - 44):
        reminded = sent - 44
        story.change(
            Work(reminded, 10, OFFICE, "Reminders"), alias, status="reminded", reminded_on=on(reminded)
        )
        paid = reminded - 14
        if late:
            return
        if story.chance(0.1):
            gone = reminded - 40
            note = "Could not pay this year; the board agreed."
            story.change(
                Work(gone, 11, TREASURER, "Decided by the board"), alias, status="waived", remark=note
            )
            return
    method = "direct_debit" if debit else story.pick(("transfer", "transfer", "transfer", "cash", "card"))
    money_came(story, {"dues": f"@{alias}"}, amount, day=paid, method=method)
    story.change(Work(paid, 15, TREASURER, "Bank statement"), alias, status="paid", paid_on=on(paid))
    if debit and story.chance(0.03) and paid > 30:
        came_back(story, alias, paid=paid, amount=amount)


def money_came(story: Story, what: dict[str, str], amount: str, *, day: int, method: str) -> str:
    """Note one payment."""
    values = {**what, "amount": amount, "paid": True, "paid_on": on(day), "method": method}
    return story.create(Work(day, 15, TREASURER, "Bank statement"), "payment", values)


def came_back(story: Story, dues_alias: str, *, paid: int, amount: str) -> None:
    """Let a direct debit come back, and the member pay by hand."""
    payment = f"y{story.counts['y']}"
    work = Work(paid - 5, 16, TREASURER, "Returned debits")
    story.change(
        work,
        payment,
        paid=False,
        came_back_on=on(paid - 5),
        came_back_because=story.pick(("no_funds", "closed", "wrong")),
    )
    story.change(work, dues_alias, status="open", paid_on=None)
    money_came(story, {"dues": f"@{dues_alias}"}, amount, day=paid - 21, method="transfer")
    story.change(
        Work(paid - 21, 15, TREASURER, "Bank statement"), dues_alias, status="paid", paid_on=on(paid - 21)
    )
