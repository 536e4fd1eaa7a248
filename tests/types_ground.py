"""A tracker of venues with the field types that a list of people has no use for, and two of its items."""

from __future__ import annotations

from ground import Ground, field, tracker_def

from tracker.core.design.definitions import TrackerDef

SECTORS = {
    "health": {"label": "Health", "children": {"hospitals": "Hospitals", "care": "Care homes"}},
    "culture": {
        "label": "Culture",
        "children": {"music": {"label": "Music", "children": ["Choirs", "Bands"]}},
    },
}
NOTES = """# Getting there

Ring **twice**; the *side door* opens after six.

- tram 2 to [Ring](https://example.org/ring)
- lift to the third floor

| Room | Seats |
| --- | --- |
| Hall | 120 |
| Studio | 14 |

> Bring your own coffee.

`make tea` works, `<script>` does not: <script>alert(1)</script>
"""
SCRIPT = "def opening(day):\n    if day == 'sunday':\n        return None\n    return (9, 30)"


def venue() -> TrackerDef:
    """Return the tracker of venues."""
    return tracker_def(
        "venue",
        field("name", required=True),
        field("sector", "category", options={"nodes": SECTORS}),
        field("score", "rating", label="How good"),
        field("discount", "percent"),
        field("hours", "heading", label="When it is open", help="As the door says."),
        field("opens", "time"),
        field("closes", "time"),
        field("visit", "duration", label="A visit takes"),
        field("open_for", "formula", options={"expression": "closes - opens"}, label="Open for"),
        field(
            "advice",
            "help",
            label="Whom to ask",
            options={"text": "Ask for the *warden* first.", "page": True},
        ),
        field("contact", "person_name", label="Contact"),
        field("tone", "color", label="Colour on the map"),
        field("directions", "markdown"),
        field("script", "code", options={"language": "python"}),
        field("plans", "files"),
        field("nothing", "heading", label="Nothing below"),
        title="Venues",
        title_one="Venue",
        icon="building",
        menu="Members",
        position=9,
    )


def add_venues(ground: Ground) -> int:
    """Add the tracker and two venues; return the number of the first."""
    ground.configure(venue())
    first = ground.create(
        "venue",
        name="Old Town Hall",
        sector="hospitals",
        score=4,
        discount="12.5",
        opens="9:30",
        closes="18:00",
        visit="1:30",
        contact={"title": "Dr", "given": "Ada", "middle": "King", "family": "Lovelace"},
        tone="#0d5f74",
        directions=NOTES,
        script=SCRIPT,
    )
    ground.create("venue", name="Boat house", sector="choirs", score=2, opens="14:00", visit="45 min")
    return first
