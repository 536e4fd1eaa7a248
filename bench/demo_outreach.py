"""The demo of esfri_outreach: invented infrastructures, the people who speak for them, and who has called whom."""

from __future__ import annotations

from demo_story import Story, Work, on, plain

OFFICE, PARTNER = "Ines Carvalho", "Tuomas Lehtinen"
# acronym, title, field, stage, country, town
INFRASTRUCTURES = (
    ("GLACIA", "European Glacier Observation Network", "environment", "landmark", "NO", "Tromsø"),
    ("RIVERNET", "Distributed Laboratory for Inland Waters", "environment", "project", "AT", "Lunz am See"),
    ("NEUTRA", "Compact Neutron Source for Materials", "physics", "project", "HU", "Debrecen"),
    ("ARCHIVA", "Archives and Manuscripts Research Infrastructure", "social", "landmark", "IT", "Parma"),
    ("HELIOTHERM", "High-Temperature Solar Test Field", "energy", "project", "ES", "Almería"),
    ("BIOSTREAM", "Streaming Data from Living Cells", "health", "landmark", "FI", "Oulu"),
    ("TERRASCOPE", "Soil and Root Imaging Facilities", "health", "project", "NL", "Wageningen"),
    ("VOXHUM", "Speech and Song Collections of Europe", "social", "project", "CZ", "Olomouc"),
    ("COSMIRA", "Mountain Array for Cosmic Rays", "physics", "landmark", "BG", "Sofia"),
    ("GRIDLAB", "Test Bed for Electricity Networks", "energy", "project", "DK", "Odense"),
)
INSTITUTIONS = (
    ("Institute of Cold Regions", "institution", "NO"),
    ("University of the Lower Danube", "institution", "HU"),
    ("Lumen Instruments", "company", "FI"),
    ("Open Manuscripts Society", "non_profit", "IT"),
)
PEOPLE = (
    "Sigrid Aune,Franz Ebner,Réka Szalai,Giulia Bassi,Álvaro Ortega,Päivi Mäkelä,Bram de Wit,Zdeněk Horák,"
    "Radka Ilieva,Søren Holst,Kari Moe,Eszter Nagy,Mikko Salo,Paolo Neri"
).split(",")


def outreach() -> Story:
    """Tell a year and a half of a central office and its partners."""
    story = Story()
    places = _organisations(story)
    people = _people(story, places)
    _contacts(story, people, places)
    _projects(story, people, places)
    return story


def _organisations(story: Story) -> list[str]:
    work = Work(540, 9, OFFICE, "From the roadmap")
    made = []
    for number, (acronym, title, field, stage, country, town) in enumerate(INFRASTRUCTURES):
        values = {"title": title, "acronym": acronym, "kind": "esfri", "status": "active", "field": field}
        values |= {"stage": stage, "coordinating_country": country, "country": country, "roadmap": 2021}
        values |= {"entry_year": 2006 + 5 * (number % 4), "operation": 2018 + number}
        values |= {"construction_cost": ("80–120", "NA", "45", "4.5")[number % 4]}
        values |= {
            "address": {"town": town, "country": country},
            "website": f"https://{plain(acronym)}.example",
        }
        made.append(story.create(work, "organisation", values, group="office"))
    projects = list(made)
    work = Work(520, 10, PARTNER, "Who takes part")
    for title, kind, country in INSTITUTIONS:
        values = {"title": title, "kind": kind, "status": "active", "country": country}
        values |= {"projects": [f"@{each}" for each in story.some(projects, 2)]}
        made.append(story.create(work, "organisation", values, group="office"))
    return made


def _people(story: Story, places: list[str]) -> list[str]:
    people = []
    for number, name in enumerate(PEOPLE):
        given, _space, family = name.partition(" ")
        work = Work(500 - number % 3 * 60, 11, (OFFICE, PARTNER)[number % 2], "Met at the forum")
        values = {"given_name": given, "family_name": family, "organisation": f"@{places[number]}"}
        values |= {
            "email": [f"{plain(given)}@{plain(family)}.example"],
            "source": story.pick(("event", "colleague")),
        }
        values |= {
            "degree": "none",
            "project_membership": "esfri" if number < len(INFRASTRUCTURES) else "others",
        }
        people.append(story.create(work, "person", values, group="office"))
    return people


def _contacts(story: Story, people: list[str], places: list[str]) -> None:
    for number, (who, place) in enumerate(zip(people, places, strict=True)):
        if number % 4 == 3:
            continue  # nobody has called here yet
        for again in range(1 + number % 3):
            day = 330 - number * 11 - again * 70
            work = Work(day, 14, (OFFICE, PARTNER)[number % 2], "After the call")
            values = {
                "title": ("First call", "Storage needs", "Follow-up")[again],
                "kind": "call",
                "person": f"@{who}",
            }
            values |= {"organisation": f"@{place}", "status": "done", "done_on": on(day)}
            values |= {"outcome": "Wants to know more about storage and sign-in."}
            story.create(work, "activity", values, group="office")
            story.change(work, who, degree=("once", "occasional", "regular")[again])
        story.change(
            Work(40, 10, OFFICE, "Yearly review"), place, potential=("high", "medium", "low")[number % 3]
        )
    for number, who in enumerate(people[:5]):
        work = Work(9, 15, PARTNER, "Plan of the month")
        values = {
            "title": "Call about the pilot",
            "kind": "call",
            "person": f"@{who}",
            "due_on": on(number * 3 - 6),
        }
        story.create(work, "activity", values, group="office")


def _projects(story: Story, people: list[str], places: list[str]) -> None:
    for number, title in enumerate(
        ("Pilot: sign-in for GLACIA", "Data transfer for BIOSTREAM", "Training week")
    ):
        work = Work(200 - number * 40, 9, OFFICE, "Agreed with the partners")
        team = [
            {"to": f"@{people[number]}", "role": "lead", "since": on(work.day)},
            {"to": f"@{people[number + 5]}", "role": "expert"},
        ]
        values = {"title": title, "people": team, "organisations": [f"@{places[number]}"], "status": "idea"}
        alias = story.create(
            work,
            "project",
            {**values, "next_milestone": "First test", "milestone_on": on(-30 * number - 10)},
            group="office",
        )
        if number < 2:
            story.change(
                Work(work.day - 30, 9, OFFICE, "It begins"),
                alias,
                status="running",
                starts_on=on(work.day - 30),
            )
        minutes = {
            "title": f"Minutes: {title}",
            "kind": "minutes",
            "written_on": on(work.day),
            "project": f"@{alias}",
        }
        story.create(
            work, "document", {**minutes, "content": "Who does what until the first test."}, group="office"
        )
