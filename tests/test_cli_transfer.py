"""The command line from an empty machine to real data and back, on both databases."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from tracker.cli import cli
from tracker.web import assets

HERE = Path(__file__).parent
LIKE = HERE / "data"
SAMPLES = os.environ.get("TRACKER_SAMPLES", "")


@pytest.fixture
def run(database_url, tmp_path, monkeypatch):
    """Return a function that runs a command on an own workspace, in a folder of its own."""
    monkeypatch.setenv("TRACKER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TRACKER_DATABASE_URL", database_url)
    monkeypatch.chdir(tmp_path)

    def call(*arguments, code=0):
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
        return result.stdout

    return call


def data_rows(path):
    with path.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _row in csv.reader(stream)) - 1


def told(output):
    return json.loads(output)


def sets():
    found = [("look-alike", LIKE / "npsp_like", LIKE / "esfri_like.csv", LIKE / "ngis_like.csv")]
    if SAMPLES:
        samples = Path(SAMPLES)
        found.append(("real", samples / "npsp_1k", samples / "esfri.csv", samples / "ngis.csv"))
    return pytest.mark.parametrize(
        ("folder", "esfri", "ngis"), [each[1:] for each in found], ids=[each[0] for each in found]
    )


@sets()
def test_a_whole_organisation_moves_in_once_and_out_again(run, folder, esfri, ngis):
    run("profile", "apply", "nonprofit_membership", "--set", "currency=USD")

    first = told(run("import", folder, "--map", "npsp", "--json"))

    arrived = {}
    for each in first["files"]:
        arrived[each["file"]] = arrived.get(each["file"], 0) + each["created"]
        assert each["rejected"] == 0
    assert arrived == {name: data_rows(folder / name) for name in arrived}
    assert len(arrived) == 13
    listed = {each["tracker"]: each["items"] for each in told(run("list", "--json"))}
    assert listed["household"] + listed["organisation"] == data_rows(folder / "Account.csv")
    assert listed["person"] == data_rows(folder / "Contact.csv")
    linked = told(run("show", "donation", "--limit", "5", "--json"))
    assert all(each["values"]["household"] or each["values"]["organisation"] for each in linked)

    second = told(run("import", folder, "--map", "npsp", "--json"))
    assert second["change_set"] is None
    assert sum(each["same"] for each in second["files"]) == sum(arrived.values())

    run("undo", first["change_set"])
    assert {each["items"] for each in told(run("list", "--json"))} == {0}


@sets()
def test_the_list_of_infrastructures_goes_to_its_national_groups(run, tmp_path, folder, esfri, ngis):
    run("profile", "apply", "esfri_outreach")
    made = run(
        "group",
        "import",
        ngis,
        "--title",
        "ngi_code",
        "--code",
        "ngi_code",
        "--countries",
        "countries",
        "--includes",
        "ngi_member",
    )
    assert made.startswith(f"{data_rows(ngis)} group(s) added")

    report = told(run("import", "organisation", esfri, "--map", "esfri", "--json"))
    again = told(run("import", "organisation", esfri, "--map", "esfri", "--json"))

    assert report["files"][0]["created"] == data_rows(esfri) == again["files"][0]["same"]
    assert again["change_set"] is None


def arrived(report):
    found = {}
    for each in report["files"]:
        held = found.setdefault(each["tracker"], [0, 0])
        held[0] += each["created"]
        held[1] += each["rejected"]
    return found


@pytest.mark.slow
def test_a_filled_in_import_template_becomes_people_gifts_and_answers(run):
    run("profile", "apply", "nonprofit_membership", "--set", "currency=USD")

    report = told(run("import", LIKE / "npsp_template_like", "--map", "npsp_template", "--json"))

    assert arrived(report) == {
        "organisation": [2, 0],
        "person": [4, 0],
        "donation": [4, 0],
        "approach": [2, 0],
    }
    ilse = told(run("show", "person", "1", "--json"))["values"]
    assert (ilse["family_name"], len(ilse["emails"]), ilse["organisation"]) == ("Brandt", 2, 1)
    gifts = [each["values"] for each in told(run("show", "donation", "--json"))]
    assert {(each["amount"], each["status"], each["person"], each["organisation"]) for each in gifts} == {
        ("120.50", "received", 1, None),
        ("30.00", "pledged", 1, None),
        ("75.00", "received", 4, None),
        ("5000.00", "received", None, 2),
    }
    again = arrived(told(run("import", LIKE / "npsp_template_like", "--map", "npsp_template", "--json")))
    assert again["organisation"] == [0, 0]
    assert again["person"] == [1, 0]  # the one without an address cannot be found again
    run("undo", report["change_set"])


@pytest.mark.skipif(not SAMPLES, reason="TRACKER_SAMPLES names no folder")
def test_the_template_as_it_comes_holds_nothing_to_import(run):
    run("profile", "apply", "nonprofit_membership", "--set", "currency=USD")

    report = told(run("import", SAMPLES, "--map", "npsp_template", "--json"))

    assert arrived(report) == {key: [0, 0] for key in ("organisation", "person", "donation", "approach")}
    assert report["change_set"] is None


def test_import_of_one_file_by_its_headers(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    file = tmp_path / "people.csv"
    file.write_bytes(
        "Vorname;Nachname;E-Mail;Unknown\nJörg;Müller;j@example.org;x\nAda;;;\n".encode("cp1252")
    )

    dry = told(run("import", "person", file, "--dry-run", "--json"))
    assert (dry["files"][0]["created"], dry["files"][0]["rejected"], dry["dry_run"]) == (1, 1, True)
    out = run("import", "person", file, "--save-map", tmp_path / "map.yaml")

    assert "line 3: Fill in Family name." in out
    assert "takes it back" in out
    assert (
        Path("people.rejects.csv").read_text(encoding="utf-8-sig").splitlines()[0]
        == "Vorname,Nachname,E-Mail,Unknown,line,reason"
    )
    saved = (tmp_path / "map.yaml").read_text()
    assert "Nachname: family_name" in saved
    assert (
        told(run("import", "person", file, "--map", tmp_path / "map.yaml", "--key", "family_name", "--json"))[
            "files"
        ][0]["same"]
        == 1
    )


def test_everything_refused_leaves_with_one_and_no_change_set(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    file = tmp_path / "people.csv"
    file.write_text("Given name,Born\nAda,\n")

    out = run("import", "person", file, code=1)

    assert "Nothing changed." in out


def test_mistakes_are_sentences(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    file = tmp_path / "people.csv"
    file.write_text("Family name,Born\nAda,x\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.yaml").write_text("files:\n- tracker: person\n  colums: {}\n")

    for arguments, sentence in (
        (("import", "persn", file), "Did you mean “person”?"),
        (("import", "person", tmp_path / "none.csv"), "does not exist"),
        (("import", "person", tmp_path / "empty.csv"), "is empty"),
        (("import", "person", file, "--map", "npps"), "Did you mean “npsp”?"),
        (
            ("import", "person", file, "--map", tmp_path / "bad.yaml"),
            "bad.yaml:3: A mapping has no “colums”.",
        ),
        (("import", tmp_path, "--map", "npsp"), "None of the files of the mapping is in"),
        (("import", tmp_path), "FOLDER with --map"),
        (("export", "person", "--where", "family_nam = 'x'"), "Did you mean “family_name”?"),
        (("export", "person", "--fields", "iban"), "You may not export"),
        (("show", "person", "99"), "Person #99 is not there."),
        (("undo", "99"), "There is no change set"),
    ):
        result = CliRunner().invoke(cli, [str(each) for each in arguments])
        assert result.exit_code == 1, arguments
        assert sentence in result.output, result.output


def test_items_are_shown_exported_changed_and_undone(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    file = tmp_path / "people.csv"
    file.write_text("Given name,Family name\nAda,Kowalczyk\nBen,Berg\n")
    run("import", "person", file)

    assert "Kowalczyk" in run("show", "person")
    uid = told(run("show", "person", "1", "--json"))["uid"]
    assert told(run("show", "person", uid, "--json"))["values"]["given_name"] == "Ada"
    out = tmp_path / "out.csv"
    run("export", "person", "--where", "given_name = 'Ada'", "-o", out)
    out.write_text(out.read_text().replace("Kowalczyk", "Kowalski"))
    report = told(run("import", "person", out, "--json"))
    assert report["files"][0]["changed"] == 1
    assert "Kowalski" in run("export", "person", "--format", "jsonl")
    assert "Would undo: person: 1 changed." in run("undo", report["change_set"], "--dry-run")
    assert "Undone: person: 1 changed." in run("undo", report["change_set"])
    assert "Kowalczyk" in run("show", "person", "1")
    kinds = [each["kind"] for each in told(run("changes", "person", "--json"))]
    assert kinds == ["undo", "import", "import"]
    assert "Person #1" in run("show", "person", "1", "--as-of", "2100-01-01")
    assert (
        "was not there then"
        in CliRunner().invoke(cli, ["show", "person", "1", "--as-of", "2000-01-01"]).output
    )


def test_profiles_are_planned_applied_once_and_demonstrated(run):
    assert "nonprofit_membership" in run("profile", "list")
    assert "is valid" in run("profile", "validate", "nonprofit_membership")
    plan = told(run("profile", "plan", "nonprofit_membership", "--set", "currency=CHF", "--json"))
    assert plan["losses"] == []
    assert len(plan["steps"]) > 100
    run("profile", "apply", "nonprofit_membership", "--set", "currency=CHF")
    assert "0 step(s) done." in run("profile", "apply", "nonprofit_membership")
    assert "Write --set" in run_error("profile", "plan", "nonprofit_membership", "--set", "currency")


def test_an_icon_that_pages_cannot_draw_is_refused_at_its_place(run, tmp_path, monkeypatch):
    built = {"src/icons.svg": {"file": "icons.svg"}}
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "manifest.json").write_text(json.dumps(built))
    (tmp_path / "dist" / "icons.svg").write_text('<svg><symbol id="users"/><symbol id="cash"/></svg>')
    monkeypatch.setattr(assets, "STATIC", tmp_path)
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "dist" / "manifest.json")
    profile = tmp_path / "club.yaml"
    profile.write_text(
        "profile: club\ntitle: Club\ntrackers:\n  person:\n    title: People\n    icon: user\n"
        "    name: [name]\n    fields: {name: {type: line}}\n"
    )

    told = run_error("profile", "validate", str(profile))

    assert f"{profile}:6:11: There is no icon “user”. Did you mean “users”?" in told
    profile.write_text(profile.read_text().replace("icon: user", "icon: users"))
    assert "is valid" in run("profile", "validate", profile)
    assets.MANIFEST.unlink()
    profile.write_text(profile.read_text().replace("icon: users", "icon: user"))
    assert "is valid" in run("profile", "validate", profile)  # without a front end nobody can say


def run_error(*arguments):
    result = CliRunner().invoke(cli, list(arguments))
    assert result.exit_code == 1
    return result.output


def test_a_persons_rights_hold_on_the_command_line(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    run("user", "add", "board@example.org", "--group", "board")
    file = tmp_path / "people.csv"
    file.write_text("Family name\nAda\n")

    run("import", "person", file)

    assert (
        told(run("--as", "board@example.org", "show", "person", "--json"))[0]["values"]["family_name"]
        == "Ada"
    )
    assert "You may not import" in run_error("--as", "board@example.org", "import", "person", str(file))
    assert "You may not export" in run_error("--as", "board@example.org", "export", "person")


def test_search_is_rebuilt(run, tmp_path):
    run("profile", "apply", "nonprofit_membership")
    file = tmp_path / "people.csv"
    file.write_text("Family name\nAda\n")
    run("import", "person", file)

    assert "People: 1 item(s)." in run("search", "rebuild", "person")


@pytest.mark.parametrize("form", ["xlsx", "json", "jsonl"])
def test_a_file_of_each_form_goes_out_and_comes_in_by_its_names(run, tmp_path, form):
    run("profile", "apply", "nonprofit_membership")
    csv_file, file = tmp_path / "people.csv", tmp_path / f"people.{form}"
    csv_file.write_text("Given name,Family name\nAda,=Lovelace\nBen,Hill\n")
    run("import", "person", csv_file)
    run("export", "person", "--format", form, "-o", file)
    again = told(run("import", "person", file, "--json"))
    empty = tmp_path / "empty.json"
    empty.write_text("[]")

    assert (again["files"][0]["same"], again["files"][0]["rejected"], again["read"][0]["form"]) == (
        2,
        0,
        form,
    )
    assert "no objects with keys" in run_error("import", "person", str(empty))
