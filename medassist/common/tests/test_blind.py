"""Blind indexes: found by whole words, unreadable without the key, another clinic's tokens are others, rotation loses nothing."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.management import call_command

from apps.cases.models import Case
from apps.cases.tests.stored import make_case
from medassist.common.blind import tokens, wanted, words_of
from medassist.common.tests.test_encryption import NEW
from medassist.tenancy.context import clinic_context


def test_words_are_whole_without_case_and_accents() -> None:
    assert words_of(["Fièvre et TOUX, toux", "A-1182"]) == ("fievre", "et", "toux", "1182")
    assert words_of(["", "?!"]) == ()
    assert wanted("?!", "p") == []


def test_tokens_say_nothing_without_the_key_and_differ_by_place(settings: Any) -> None:
    here = tokens(["chest pain"], "alpha/cases.case/words")
    assert here == tokens(["Chest Pain"], "alpha/cases.case/words")
    assert set(here).isdisjoint(tokens(["chest pain"], "beta/cases.case/words"))
    settings.FIELD_KEYS = NEW
    assert set(here).isdisjoint(tokens(["chest pain"], "alpha/cases.case/words"))


@pytest.mark.django_db
def test_after_a_rotation_old_rows_are_found_before_and_after_the_command(settings: Any) -> None:
    from django.db import connection

    field: Any = Case._meta.get_field("words")
    old = settings.FIELD_KEYS
    with clinic_context("alpha"):
        case = make_case()
        settings.FIELD_KEYS = f"{NEW},{old}"
        assert Case.objects.filter(field.matching("chest", connection)).exists()
        call_command("rotate_field_keys", stdout=io.StringIO())
        settings.FIELD_KEYS = NEW
        assert Case.objects.filter(field.matching("chest", connection), pk=case.pk).exists()
        assert not Case.objects.filter(field.matching("", connection)).exists()
