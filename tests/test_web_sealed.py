"""Pages while the vault is shut: a sentence and 503, and the rest of the house stays open."""

from __future__ import annotations

from dataclasses import replace

from ground import field


def test_search_in_a_sealed_field_says_that_the_vault_is_shut(web_ground, admin):
    person = web_ground.design().tracker("person")
    sealed = field("pin_code", encrypted=True, search="exact", position=99)
    web_ground.configure(replace(person, fields=(*person.fields, sealed)))
    web_ground.create("person", name="Vault", pin_code="1234")
    assert admin.get("/t/person?pin_code__is=1234").status_code == 200
    (web_ground.workspace.home / "master.key").unlink()
    web_ground.workspace.forget()

    answer = admin.get("/t/person?pin_code__is=1234")

    assert answer.status_code == 503
    assert "1234" not in answer.text.replace("pin_code__is=1234", "")
    assert admin.get("/t/person").status_code == 200
