"""Write the look-alike import files of the tests: headers, ids and quirks of real exports, all words invented.

    python bench/make_lookalike.py

Forty rows a file (fewer where the real file is as short), with links that lead from file to file.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from demo_story import Story
from demo_words import FAMILY, GIVEN, JOBS, ORGANISATIONS, TOWNS

FOLDER = Path(__file__).parent.parent / "tests" / "data"
ROWS = 40
HOUSEHOLD, ORGANISATION = "0122a000000PCxAAAW", "0122a000000PCxBAAW"
COUNTRIES = {
    "PL": "Poland", "SE": "Sweden", "ES": "Spain", "DK": "Denmark", "IE": "Ireland", "DE": "Germany", "GR": "Greece", "PT": "Portugal",
    "AT": "Austria", "FR": "France", "BE": "Belgium", "NL": "Netherlands", "CZ": "Czech Republic", "FI": "Finland", "NO": "Norway",
    "IT": "Italy", "CH": "Switzerland",
}  # fmt: skip
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec".split()


def write(name: str, header: str, rows: Iterable[Sequence[object]]) -> None:
    """Write one file."""
    path = FOLDER / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        table.writerow(header.split(","))
        table.writerows(rows)


def place(story: Story) -> list[str]:
    """Return country, street, state, town and postcode; most have neither state nor postcode."""
    town = story.pick(TOWNS)
    street = f"{story.between(0, 99):02d} {story.pick(town.streets)}"
    full = story.chance(0.2)
    return [
        COUNTRIES[town.country],
        street,
        "Region" if full else "",
        town.name,
        town.postcode if full else "",
    ]


def parties(story: Story) -> None:
    """Accounts, contacts, addresses and relationships; accounts 1 to 28 are households."""
    names = [f"{FAMILY[number]} Household" for number in range(28)]
    names[20] = f"{FAMILY[20]}, {FAMILY[21]}, {FAMILY[22]} and {FAMILY[23]} Household"  # a comma in a name
    rows = [
        [number, name, *place(story), "Household Account", HOUSEHOLD] for number, name in enumerate(names, 1)
    ]
    rows += [[29 + number, ORGANISATIONS[number][0], *[""] * 6, ORGANISATION] for number in range(12)]
    write(
        "npsp_like/Account.csv",
        "id,Name,BillingCountry,BillingStreet,BillingState,BillingCity,BillingPostalCode,"
        "npe01__SYSTEM_AccountType__c,RecordTypeId",
        rows,
    )
    mapping = [[HOUSEHOLD, "HH_Account"], [ORGANISATION, "Organization"]]
    write("npsp_like/Account_rt_mapping.csv", "record_type_id,developer_name", mapping)
    contacts = []
    for number in range(1, ROWS + 1):
        alone = number > 38  # belongs to an organisation, without a household
        given, family = story.pick(GIVEN), FAMILY[(number - 1) % 28]
        greeting = story.pick(("Mrs", "Honorable", "Dr", "Ms", "Rev", "Mr", ""))
        email = f"{given[0].lower()}.{number}@people.example" if story.chance(0.46) else ""
        phone = f"{story.between(1, 9)}-({story.between(200, 999)}){story.between(200, 999)}-{story.between(1000, 9999)}"
        phone = phone if story.chance(0.5) else ""
        title = f"{story.pick(JOBS)} {story.pick(('', 'II', 'IV'))}".strip() if story.chance(0.5) else ""
        home = story.between(29, 40) if alone else (number - 1) % 28 + 1
        works = "" if alone else story.between(29, 40)
        contacts.append([number, greeting, given, family, email, phone, title, home, works])
    header = "id,Salutation,FirstName,LastName,Email,Phone,Title,account_id,primary_affiliation__c"
    write("npsp_like/Contact.csv", header, contacts)
    addresses = []
    for number in range(1, ROWS + 1):
        country, street, state, town, postcode = place(story)
        season = [6, 15, 8, 30] if number % 13 == 0 else [""] * 4
        addresses.append([number, country, street, state, town, postcode, *season, (number - 1) % 28 + 1])
    header = (
        "id,MailingCountry__c,MailingStreet__c,MailingState__c,MailingCity__c,MailingPostalCode__c,"
        "Seasonal_Start_Month__c,Seasonal_Start_Day__c,Seasonal_End_Month__c,Seasonal_End_Day__c,household_account__c"
    )
    write("npsp_like/Address__c.csv", header, addresses)
    pairs = [
        [n, story.pick(("Employee", "Employee", "Partner")), n, n % ROWS + 1] for n in range(1, ROWS + 1)
    ]
    write(
        "npsp_like/npe4__Relationship__c.csv",
        "id,npe4__Type__c,npe4__contact__c,npe4__related_contact__c",
        pairs,
    )


def gifts(story: Story) -> None:
    """Funds, campaigns, regular gifts, donations, payments, thanked and shares."""
    write(
        "npsp_like/General_Accounting_Unit__c.csv",
        "id,name",
        ([n, f"The {GIVEN[n % 20]} Fund"] for n in range(1, 41)),
    )
    campaigns = ([n, f"{MONTHS[(n - 1) % 12]} {2015 + (n - 1) // 12} Meeting"] for n in range(1, 14))
    write("npsp_like/Campaign.csv", "id,name", campaigns)
    header = (
        "id,Name,npe03__Amount__c,npe03__Date_Established__c,npe03__Schedule_Type__c,npe03__Open_Ended_Status__c,"
        "npe03__Last_Payment_Date__c,npe03__Next_Payment_Date__c,npe03__Installment_Period__c,Day_of_Month__c,"
        "InstallmentFrequency__c,StartDate__c,PaymentMethod__c,RecurringType__c,Status__c,npe03__contact__c"
    )
    regular = []
    for number in range(1, 4):
        dates = [
            f"2017-0{number}-09",
            "",
            "Open",
            "",
            "",
            "Monthly",
            "" if number == 1 else 1,
            "",
            "2020-01-02",
        ]
        regular.append(
            [number, f"{GIVEN[number]}: $86 Monthly", "86.0", *dates, "", "Open", "Active", number]
        )
    write("npsp_like/npe03__Recurring_Donation__c.csv", header, regular)
    rows = []
    for number in range(1, ROWS + 1):
        amount, stage = f"{story.between(5, 900)}.0", "Closed Won"
        if number == 7:
            amount, stage = "0.0", "Pledged"
        day = f"201{story.between(5, 7)}-{story.between(1, 12):02d}-{story.between(1, 28):02d}"
        account, contact = (number % 28 + 1, number % 28 + 1) if number % 7 else (story.between(29, 40), "")
        promise = number % 3 + 1 if number > 34 and contact else ""
        name = f"{story.pick(GIVEN)}: ${amount[:-2]}"
        rows.append(
            [number, name, amount, stage, day, str(number > 30).lower(), account, contact, promise, ""]
        )
    header = (
        "id,name,amount,stage_name,close_date,dont_create_payments,account_id,primary_contact__c,"
        "npe03__recurring_donation__c,campaign_id"
    )
    write("npsp_like/Opportunity.csv", header, rows)
    _parts(story, [(row[2], row[4]) for row in rows])


def _parts(story: Story, donations: Sequence[tuple[object, object]]) -> None:
    payments = []
    for number in range(1, ROWS + 1):
        donation = number if number <= 30 else number - 20  # some gifts are paid in two parts
        amount, day = donations[donation - 1]
        payments.append([number, amount, day, "", "false", "false", donation])
    header = (
        "id,npe01__Payment_Amount__c,npe01__Payment_Date__c,npe01__Scheduled_Date__c,npe01__Paid__c,"
        "npe01__Written_Off__c,npe01__opportunity__c"
    )
    write("npsp_like/npe01__OppPayment__c.csv", header, payments)
    roles = ("Donor", "Soft Credit", "Influencer", "Household Member")
    thanked = [
        [n, roles[n % 4], str(n % 4 == 0).lower(), n, story.between(1, ROWS)] for n in range(1, ROWS + 1)
    ]
    write("npsp_like/OpportunityContactRole.csv", "id,Role,IsPrimary,contact_id,opportunity_id", thanked)
    partial = [[n, "Soft Credit", "1.0", n % 10 + 1, n] for n in range(1, ROWS + 1)]
    write(
        "npsp_like/Partial_Soft_Credit__c.csv", "id,Role_Name__c,Amount__c,contact__c,opportunity__c", partial
    )
    shares = [[n, "10.0", "", (n - 1) // 10 + 1, story.between(1, ROWS), ""] for n in range(1, ROWS + 1)]
    header = "id,Percent__c,Amount__c,opportunity__c,general_accounting_unit__c,recurring_donation__c"
    write("npsp_like/Allocation__c.csv", header, shares)
    asked = [[n, "Sent", ROWS + 1 - n, n % 13 + 1] for n in range(1, ROWS + 1)]
    write("npsp_like/CampaignMember.csv", "id,status,contact_id,campaign_id", asked)


def infrastructures(story: Story) -> None:
    """Research infrastructures, and the national groups of which some know them."""
    fields = (
        "Health & Food", "Physical Sciences & Engineering", "Environment", "Social & Cultural Innovation",
        "Energy", "Digit", "e-RI",
    )  # fmt: skip
    status = (
        "ERIC under preparation",
        "NA",
        "",
        "ERIC, 2013",
        "GmbH, 2009",
        "AISBL, 2013. ERIC under preparation",
    )
    cost, budget = ("80–120", "NA", "100", "4.5", "", "45–60"), ("1", "3–4", "", "NA", "2.5", "24–35")
    words = "Lagoon Glacier Neutron Archive Solar Cell Soil Voice Cosmic Grid Harbour Bee Magnet Census Wind Quantum".split()
    rows = []
    for number in range(1, ROWS + 1):
        word, town = words[number % 16], story.pick(TOWNS)
        acronym = (
            f"{word[:4].upper()}{'-RI' if number % 2 else ' ERIC'}{'' if number < 17 else f' {number}.00'}"
        )
        site = [
            town.name,
            COUNTRIES[town.country],
            f"{story.between(36, 68)}.2174",
            f"-{story.between(1, 9)}.0947",
        ]
        meril = f"({15000 + number})" if number % 19 == 3 else str(15000 + number) if number % 2 else ""
        coordinator = (
            COUNTRIES[town.country].replace("Czech Republic", "Czechia") if number % 11 else "Iceland"
        )
        rows.append(
            [
                acronym,
                f"European {word} Infrastructure {number}",
                ("Project", "Landmark")[number % 2],
                fields[number % 7],
                2021 if number > 32 else 2016,
                2006 + number % 3 * 2,
                "" if number > 32 else 2010 + number % 15,
                status[number % 6],
                cost[number % 6],
                budget[number % 6],
                meril,
                *(site if number % 6 == 0 else [""] * 4),
                coordinator,
                "invented",
                "made up for the tests",
            ]
        )
    header = (
        "acronym,full_name,type,field,roadmap,entry_year,operation,legal_status,construction_cost_meur,"
        "operation_budget_meur,meril_id,town,site_country,lat,lon,coordinating_country,coordinating_country_source,source"
    )
    write("esfri_like.csv", header, rows)
    single = "Poland Germany Greece Austria France Belgium Netherlands Czechia Italy Switzerland Ireland Hungary Romania".split()
    groups = [[f"NGI_{country[:4].upper()}", country] for country in single]
    groups += [
        ["NGI_NORTH", "Denmark;Norway;Sweden;Finland"],
        ["NGI_WEST", "Spain;Portugal"],
        ["NGI_ALPS", "Switzerland;Austria"],
    ]
    groups += [
        ["ROC_SOUTH", "Latin America (regional)"],
        ["Islands", "regional"],
        ["LAGOON", "research infrastructure"],
    ]
    groups += [
        [f"NGI_X{n}", "research infrastructure" if n % 2 else "desktop grid federation"]
        for n in range(ROWS - len(groups))
    ]
    write(
        "ngis_like.csv",
        "ngi_code,countries,country_source,code_source",
        ([*each, "invented", "invented"] for each in groups),
    )


def main() -> None:
    """Write all files."""
    story = Story()
    parties(story)
    gifts(story)
    infrastructures(story)


if __name__ == "__main__":
    main()
