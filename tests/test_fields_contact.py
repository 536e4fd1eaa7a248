"""Mail, telephones, web and postal addresses: what people write is understood, and does no harm."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fields_ground import GERMAN, code_of, there_and_back
from hypothesis import given, settings
from hypothesis import strategies as st

from tracker.errors import Invalid
from tracker.fields.address import Address, AddressField
from tracker.fields.base import TextDialect
from tracker.fields.contact import Emails, Phones, Url
from tracker.fields.countries import Country
from tracker.i18n import Reader


@pytest.mark.parametrize(
    ("raw", "address"),
    [
        ("Ada@EXAMPLE.org", "Ada@example.org"),
        ("ada@xn--mller-kva.example", "ada@müller.example"),
        ("o'neil+x@a-b.co.uk", "o'neil+x@a-b.co.uk"),
        ("ada@-example.org", None),
        ("ada@example", None),
        (".ada@example.org", None),
        ("ada@example.org>", None),
        ("x" * 65 + "@example.org", None),
        ("a@" + "b" * 64 + ".org", None),
        ("a@" + "b." * 126 + "org", None),
        ("<script>@example.org", None),
    ],
)
def test_addresses_of_mail(raw, address):
    if address is None:
        assert code_of(Emails(), [raw]) == "email"
    else:
        assert Emails().judge([raw]) == (address,)


def test_addresses_differ_by_more_than_case():
    assert Emails().judge_text("Ada@x.org, ada@X.org\nbob@x.org") == ("Ada@x.org", "bob@x.org")


@pytest.mark.parametrize(
    ("raw", "options", "dialect", "number"),
    [
        ("01 234567", {"country": "AT"}, TextDialect(), "+431234567"),
        ("01 234567", {}, GERMAN, "+431234567"),
        ("0043 1 234567", {}, GERMAN, "+431234567"),
        ("(902) 296-6183 x7", {"country": "CA"}, TextDialect(), "+19022966183x7"),
        ("296-6183", {"country": "US"}, TextDialect(), None),
        ("3-(902)296-6183", {}, TextDialect(), None),
        ("3-(902)296-6183", {"strict": False}, TextDialect(), "3-(902)296-6183"),
        ("ask at the desk", {"strict": False}, TextDialect(), None),
    ],
)
def test_numbers_of_telephones(raw, options, dialect, number):
    field = Phones(options)
    if number is None:
        with pytest.raises(Invalid):
            field.judge_text(raw, dialect)
    else:
        value = field.judge_text(raw, dialect)
        assert value == (number,)
        there_and_back(field, value)


def test_a_telephone_is_dialled_shown_and_found():
    field = Phones()
    assert field.html(("+4312345678x9",)) == '<a href="tel:+4312345678;ext=9">+43 1 2345678 ext. 9</a>'
    assert "012345678" in field.search_text(("+4312345678",)).split()
    assert Phones({"strict": False}).html(("<b>123",)) == "&lt;b&gt;123"


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        ("HTTP://Example.ORG", "http://example.org"),
        ("//example.org/a", "https://example.org/a"),
        ("localhost:8000/x", "https://localhost:8000/x"),
        ("http://[::1]:80/", "http://[::1]:80/"),
        ('https://example.org/"onload=x', 'https://example.org/"onload=x'),
    ],
)
def test_web_addresses(raw, url):
    assert Url().judge(raw) == url
    there_and_back(Url(), url)


@pytest.mark.parametrize(
    "raw", ["javascript:1", "data:text/html,x", "java\nscript:x", "https:\\\\evil.org", "https:/x.org"]
)
def test_web_addresses_that_could_do_harm(raw):
    assert code_of(Url(), raw) in ("scheme", "type", "character")


def test_a_web_address_cannot_leave_its_attribute():
    assert '"onload' not in Url().html('https://example.org/"onload=x')


@pytest.mark.parametrize(
    ("postcode", "country", "holds"),
    [
        ("1010", "AT", True),
        ("A-1010", "Austria", True),
        ("sw1a2aa", "GB", True),
        ("90210-1234", "USA", True),
        ("anything", "", True),
        ("anything", "Atlantis", True),
        ("10101", "AT", False),
        ("ABC", "DE", False),
    ],
)
def test_only_a_postcode_that_cannot_be_is_refused(postcode, country, holds):
    raw = {"town": "T", "postcode": postcode, "country": country}
    if holds:
        there_and_back(AddressField(), AddressField().judge(raw))
    else:
        assert code_of(AddressField(), raw) == "postcode"
        assert AddressField({"check": False}).judge(raw).postcode == postcode


PART = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=15)


@given(st.builds(Address, PART, PART, PART, PART, st.sampled_from(["", "AT", "JP", "US", "CN", "Atlantis"])))
@settings(deadline=None)
def test_addresses_come_back(address):
    field = AddressField({"check": False})
    value = field.judge(replace(address, street=f"{address.street}\n{address.town}"))
    if value is not None:
        there_and_back(field, value)


def test_addresses_stand_in_the_order_of_their_country():
    us = Address("1 Main St", "62701", "Springfield", "IL", "US")
    assert AddressField().format(us) == "1 Main St\nSpringfield, IL 62701\nUnited States"
    at = Address("Top 3\nGasse 1", "1010", "Wien", "Region", "AT")
    german = Reader.of("de_AT", "UTC")
    assert AddressField().format(at, german) == "Top 3\nGasse 1\n1010 Wien\nRegion\nÖsterreich"
    assert AddressField().html(Address("<b>")) == "&lt;b&gt;"


def test_an_address_without_a_country_takes_that_of_its_file():
    assert AddressField().judge_text("Gasse 1; 1010; Wien", GERMAN).country == "AT"
    assert AddressField().collect({"town": "Wien"}, GERMAN) == Address(
        town="Wien"
    )  # its form shows the country
    assert AddressField().collect({"town": " "}, GERMAN) is None
    with pytest.raises(Invalid):
        AddressField().judge_text("Gasse 1; 12345; Wien", GERMAN)


def test_countries_are_shown_in_the_language_of_the_reader():
    assert Country().format("AT", Reader.of("fr_FR", "UTC")) == "Autriche"
    assert Country().judge("xk") == "XK"
