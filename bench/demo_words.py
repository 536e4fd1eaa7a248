"""Invented people, real towns: what the demo data is made of."""

from __future__ import annotations

from typing import NamedTuple


class Town(NamedTuple):
    """A town with its country, a postcode, streets, and what its telephone numbers look like."""

    name: str
    country: str
    postcode: str
    streets: tuple[str, ...]
    phone: str  # ## is replaced by two digits; the numbers are nobody's
    language: str


TOWNS = (
    Town(
        "Gdynia", "PL", "81-350", ("ul. Portowa", "ul. Morska", "ul. Świętojańska"), "+48 58 555 01 ##", "pl"
    ),
    Town("Kalmar", "SE", "392 32", ("Storgatan", "Kaggensgatan", "Södra vägen"), "+46 480 555 0##", "sv"),
    Town(
        "Cádiz", "ES", "11001", ("Calle Ancha", "Calle Sopranis", "Calle Rosario"), "+34 956 55 01 ##", "es"
    ),
    Town("Aarhus", "DK", "8000", ("Nørregade", "Vestergade", "Strandvejen"), "+45 55 50 12 ##", "da"),
    Town("Galway", "IE", "H91 E2K3", ("Quay Street", "Sea Road", "Dominick Street"), "+353 91 555 0##", "en"),
    Town("Konstanz", "DE", "78462", ("Hussenstraße", "Rheingasse", "Seestraße"), "+49 7531 555 01##", "de"),
    Town("Patra", "GR", "262 21", ("Korinthou", "Maizonos", "Agiou Andreou"), "+30 261 055 50##", "el"),
    Town("Toruń", "PL", "87-100", ("ul. Szeroka", "ul. Mostowa", "ul. Piekary"), "+48 56 555 01 ##", "pl"),
    Town(
        "Porto",
        "PT",
        "4050-253",
        ("Rua das Flores", "Rua do Almada", "Rua de Cedofeita"),
        "+351 22 555 01##",
        "pt",
    ),
    Town("Graz", "AT", "8010", ("Sporgasse", "Herrengasse", "Schillerstraße"), "+43 316 555 01##", "de"),
    Town(
        "Nantes",
        "FR",
        "44000",
        ("rue Crébillon", "rue de Strasbourg", "quai de la Fosse"),
        "+33 2 61 91 01 ##",
        "fr",
    ),
    Town("Gent", "BE", "9000", ("Veldstraat", "Korenlei", "Burgstraat"), "+32 9 555 01 ##", "nl"),
    Town("Leiden", "NL", "2311 GJ", ("Breestraat", "Hooigracht", "Rapenburg"), "+31 71 555 01##", "nl"),
    Town("Brno", "CZ", "602 00", ("Česká", "Masarykova", "Kobližná"), "+420 555 012 3##", "cs"),
    Town("Turku", "FI", "20100", ("Linnankatu", "Aurakatu", "Yliopistonkatu"), "+358 2 555 01##", "fi"),
    Town("Bergen", "NO", "5003", ("Strandgaten", "Marken", "Nygårdsgaten"), "+47 55 55 01 ##", "nb"),
    Town(
        "Trieste", "IT", "34121", ("Via Cavana", "Via San Nicolò", "Corso Italia"), "+39 040 555 01##", "it"
    ),
    Town("Bern", "CH", "3011", ("Kramgasse", "Aarbergergasse", "Marktgasse"), "+41 31 555 01 ##", "de"),
)

# The people of the first pictures: given name, family name, town, and who lives with them.
FIRST: tuple[tuple[str, str, str, tuple[tuple[str, str], ...]], ...] = (
    ("Marta", "Kowalczyk", "Gdynia", (("Jens", "Berg"), ("Lena", "Berg"))),
    ("Jonas", "Lindqvist", "Kalmar", (("Astrid", "Lindqvist"),)),
    ("Lucía", "Romero", "Cádiz", (("Nadia", "Haddad"),)),
    ("Henrik", "Madsen", "Aarhus", (("Freja", "Madsen"),)),
    ("Aoife", "Brennan", "Galway", ()),
    ("Dieter", "Hoffmann", "Konstanz", ()),
    ("Eleni", "Papadopoulou", "Patra", ()),
    ("Piotr", "Zieliński", "Toruń", ()),
    ("Tomás", "Ferreira", "Porto", ()),
    ("Amélie", "Fontaine", "Nantes", ()),
)

GIVEN = (
    "Noor Sven Ingrid Karim Zofia Mateusz Astrid Lars Carmen Javier Freja Mikkel Niamh Ciarán Annika Jürgen Despina "
    "Giorgos Agnieszka Paweł Beatriz Rui Lena Florian Camille Étienne Femke Joris Sanne Daan Tereza Ondřej Aino Eero "
    "Solveig Håkon Chiara Luca Ursina Reto Amina Yusuf Chidi Ngozi Mei Hiroshi Priya Arjun Fatima Omar Leila Elif "
    "Emre Ivana Marko Olena Taras Sofia Thiago Ximena"
).split()
FAMILY = (
    "Bergström Hassan Okafor Nguyen Wiśniewska Nowak Sandström Nyberg Morales Herrera Sørensen Kjær O'Connell Byrne Vogt "
    "Reinhardt Dimitriou Kalogeras Lewandowski Dąbrowska Carvalho Teixeira Moser Steiner Lefèvre Moreau Peeters "
    "Claes Visser Bakker Svoboda Dvořák Virtanen Korhonen Solheim Lien Rossi Furlan Gerber Aebi Diallo Yılmaz Adeyemi "
    "Tanaka Sharma Rahman Kovač Shevchenko Almeida Castro Lindgren Holm Fischer Brandt Karlsson Petrov Jansen "
    "Marchetti Duarte Walsh"
).split()
JOBS = (
    "Teacher Nurse Carpenter Biologist Librarian Engineer Translator Ranger Accountant Physiotherapist Journalist "
    "Boatbuilder Student Pharmacist Architect Gardener"
).split()
TAGS = (
    "Boat owner",
    "First aid",
    "Press",
    "School class",
    "Speaks Polish",
    "Founding member",
    "Photographer",
    "Has a van",
)

# title, kind, town
ORGANISATIONS = (
    ("Baltic Water Foundation", "foundation", "Gdynia"),
    ("Port of Kalmar", "authority", "Kalmar"),
    ("Canoe Club Cádiz", "club", "Cádiz"),
    ("Nordlys Outdoor", "company", "Bergen"),
    ("Galway Trail Runners", "club", "Galway"),
    ("Bodensee Bootsbau", "company", "Konstanz"),
    ("Patras School of Ecology", "school", "Patra"),
    ("Toruń Evening Post", "media", "Toruń"),
    ("Ferreira & Filhos", "company", "Porto"),
    ("Murufer Graz", "club", "Graz"),
    ("Ville de Nantes, Green Spaces", "authority", "Nantes"),
    ("Leie Oarsmen", "club", "Gent"),
    ("Rijn Map Makers", "company", "Leiden"),
    ("Moravian Hikers", "club", "Brno"),
    ("Aura River School", "school", "Turku"),
    ("Fjord Radio", "media", "Bergen"),
    ("Adriatic Paper Works", "company", "Trieste"),
    ("Aare Savings Bank", "company", "Bern"),
    ("Stiftung Lebendige Ufer", "foundation", "Konstanz"),
    ("Aarhus Bicycle Kitchen", "club", "Aarhus"),
    ("Old Quay Brewery", "company", "Galway"),
    ("Water Board of the Delta", "authority", "Leiden"),
    ("North Shore Seeds", "company", "Aarhus"),
    ("Escola Rio Claro", "school", "Porto"),
    ("Friends of the Heron", "foundation", "Gent"),
)

# key, title, dues a year, months, for a household, for an organisation
MEMBERSHIP_TYPES = (
    ("single", "Single", "35.00", 12, False, False),
    ("home", "Household", "50.00", 12, True, False),
    ("reduced", "Reduced", "15.00", 12, False, False),
    ("supporter", "Supporting organisation", "150.00", 12, False, True),
)
FUNDS = ("Free use", "Boat house", "River clean-up", "Youth camps", "Trail signs", "Hardship")
# title, kind, days before today at which it starts and ends, goal
CAMPAIGNS = (
    ("Year-end letter: the boat house roof", "letter", 1030, 985, "6000.00"),
    ("Spring appeal: new trail signs", "email", 880, 840, "3000.00"),
    ("Phone bank: welcome back", "phone", 760, 730, "1500.00"),
    ("Year-end letter: youth camps", "letter", 665, 620, "7000.00"),
    ("Street stall at the market", "street", 520, 515, "500.00"),
    ("Spring appeal: herons", "email", 505, 460, "3500.00"),
    ("Year-end letter: a second boat", "letter", 300, 255, "9000.00"),
    ("Spring appeal: clean banks", "email", 140, 95, "4000.00"),
    ("Year-end letter: open rivers", "letter", 35, -15, "8000.00"),
)
# title, kind, days before today (negative: to come), place, places, fee
EVENTS = (
    ("Spring clean-up at the river mouth", "work", 980, "Old harbour", 60, None),
    ("Summer hike along the dunes", "hike", 900, "Dune car park", 30, "5.00"),
    ("First aid outdoors", "course", 800, "Quay House", 16, "25.00"),
    ("Members' assembly", "meeting", 700, "Quay House", 120, None),
    ("Spring clean-up at the weir", "work", 610, "Upper weir", 60, None),
    ("Canoe day for families", "party", 540, "Boat house", 40, "10.00"),
    ("Night walk with bats", "hike", 470, "Mill bridge", 25, None),
    ("Map reading for beginners", "course", 400, "Quay House", 16, "15.00"),
    ("Members' assembly and soup", "meeting", 335, "Quay House", 120, None),
    ("Spring clean-up at the delta", "work", 240, "Ferry landing", 80, None),
    ("Summer hike over the ridge", "hike", 170, "Ridge station", 30, "5.00"),
    ("Paint the boat house", "work", 75, "Boat house", 20, None),
    ("Board meeting", "meeting", -4, "Quay House", 12, None),
    ("River clean-up", "work", -13, "Old harbour", 60, None),
    ("New Year's paddle", "party", -40, "Boat house", 40, "10.00"),
)
