"""Files and the less common types: an export comes back unchanged, and a file may write as people do."""

from __future__ import annotations

from datetime import time, timedelta

from ground import SYSTEM
from transfer_ground import items
from types_ground import SCRIPT, add_venues

from tracker.core.ask.query import Query
from tracker.core.transfer.export import export_csv
from tracker.core.transfer.guess import guess_map
from tracker.core.transfer.mapping import FileMap, To
from tracker.core.transfer.run import Import, run_import
from tracker.core.transfer.source import open_source


def brought(ground, path, text, mapping):
    path.write_text(text, encoding="utf-8")
    return run_import(ground.workspace, SYSTEM, Import([(path, mapping)]))


def exported(ground, **options):
    with ground.workspace.read(SYSTEM) as reading:
        return "".join(export_csv(reading, Query("venue"), **options))


def test_an_export_comes_back_unchanged(ground, tmp_path):
    add_venues(ground)
    ground.create("venue", name="Attic", script=f"    {SCRIPT}", directions="    code first")
    before = {each.values["name"]: each.values for each in items(ground, "venue")}
    text = exported(ground)
    keys = text.splitlines()[0].split(",")[1:]
    columns = {key: (To(key),) for key in keys if key not in ("open_for", "plans")}

    report = brought(ground, tmp_path / "venues.csv", text, FileMap("venue", columns=columns))

    assert (report.total("created"), report.total("rejected")) == (3, 0)
    for each in items(ground, "venue")[3:]:
        assert each.values == before[each.values["name"]]


def test_an_export_for_people_is_written_as_they_read(ground):
    add_venues(ground)
    lines = exported(ground, for_people=True)

    for told in ("Health / Hospitals", "★★★★☆", "12.5%", "09:30", "1 hr 30 mins", "Dr Ada King Lovelace"):
        assert told in lines


def test_a_file_may_write_times_and_names_as_people_do(ground, tmp_path):
    add_venues(ground)
    text = (
        "Name;Discount;Opens;Visit;Sector;First;Last;Stars\n"
        "Loft;12,5 %;9.15;1,5 Std.;Culture > Music;Grace;Hopper;3/5\n"
        "Yard;7 %;2 pm;45;choirs;;Turing;★★☆☆☆\n"
    )
    columns = {
        "Name": (To("name"),),
        "Discount": (To("discount"),),
        "Opens": (To("opens"),),
        "Visit": (To("visit"),),
        "Sector": (To("sector"),),
        "First": (To("contact", "given"),),
        "Last": (To("contact", "family"),),
        "Stars": (To("score"),),
    }
    report = brought(ground, tmp_path / "venues.csv", text, FileMap("venue", columns=columns, decimal=","))

    assert (report.total("created"), report.total("rejected")) == (2, 0)
    loft, yard = (each.values for each in items(ground, "venue")[2:])
    assert (loft["opens"], loft["visit"], loft["sector"]) == (time(9, 15), timedelta(minutes=90), "music")
    assert (loft["contact"].given, loft["contact"].family, loft["score"]) == ("Grace", "Hopper", 3)
    assert (str(loft["discount"]), yard["opens"], yard["visit"]) == ("12.50", time(14), timedelta(minutes=45))
    assert (yard["sector"], yard["contact"].family, yard["score"]) == ("choirs", "Turing", 2)


def test_columns_of_first_and_last_names_are_guessed_to_be_parts_of_the_name(ground, tmp_path):
    add_venues(ground)
    path = tmp_path / "venues.csv"
    path.write_text("Name,First name,Surname,Opens\nLoft,Grace,Hopper,9:15\n", encoding="utf-8")
    with ground.workspace.read(SYSTEM) as reading:
        mapping, notes = guess_map(reading, ground.tracker("venue"), open_source(path))

    assert {name: to[0].text for name, to in mapping.columns.items()} == {
        "Name": "name",
        "First name": "contact.given",
        "Surname": "contact.family",
        "Opens": "opens",
    }
    assert notes == []
