"""The profile on which the tests of applying stand: something of everything."""

CLUB = """
profile: club
title: Club
version: 1.0.0
questions:
  currency: {type: choice, choices: [EUR, USD], default: EUR, label: Currency}
  town: {type: line, label: Town, default: Linz}
house: {name: "Club of ${town}", currency: $currency}
groups:
  staff: {title: Staff}
  board: {title: Board, includes: [staff]}
trackers:
  person:
    title: People
    name: [name]
    fields:
      name: {type: line, required: true}
      iban: {type: iban, encrypted: true, search: exact, grants: {reveal: [board]}}
      dues: {type: money, currency: $currency, help: Costs $$}
      kind: {type: choice, choices: {guest: Guest, full: Full}, default: guest}
      boss: {type: link, to: person}
      team: {type: back_links, from: person.boss}
    views:
      all: {title: All, sort: [-dues, name], columns: [name, created_at], filter: kind = 'full'}
    rules:
      named: {check: name <> 'X', message: Not X., field: name}
    grants:
      staff: {view: all, change: [own, {linked: boss}]}
      board: {change: {where: kind = 'guest'}}
"""
