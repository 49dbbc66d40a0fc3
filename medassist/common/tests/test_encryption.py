from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import isolate_apps
from hypothesis import given
from hypothesis import strategies as st

from medassist.common.crypto import UnreadableCiphertext, key_ring
from medassist.common.errors import ConfigurationError
from medassist.common.fields import EncryptedJSONField, EncryptedTextField
from medassist.tenancy.context import clinic_context
from medassist.tenancy.postgres.barrier import apply_clinic_grants
from medassist.tenancy.postgres.switch import owner_rights

OLD, NEW = (f"{name}:{base64.b64encode(bytes([number]) * 32).decode()}" for name, number in (("old", 1), ("new", 2)))


@pytest.fixture
def secret_model(db: None) -> Iterator[Any]:
    """A model with encrypted fields and a table in both clinics, for one test."""
    with isolate_apps("medassist.accounts"):

        class Secret(models.Model):  # noqa: DJ008
            text = EncryptedTextField(null=True)
            other = EncryptedTextField(default="")
            data = EncryptedJSONField(default=dict)

            class Meta:
                app_label = "accounts"

        for schema in ("alpha", "beta"):
            with clinic_context(schema), owner_rights():
                with connection.schema_editor() as editor:
                    editor.create_model(Secret)
                apply_clinic_grants(connection, schema)
        yield Secret


def _raw(column: str, schema: str = "alpha") -> str:
    with clinic_context(schema), connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM accounts_secret")
        return str(cursor.fetchone()[0])


def test_values_come_back_and_are_not_in_the_database(secret_model: Any) -> None:
    with clinic_context("alpha"):
        made = secret_model.objects.create(text="chest pain ❤", data={"a": [1, None, "ü"]})
        read = secret_model.objects.get(pk=made.pk)
        assert (read.text, read.other, read.data) == ("chest pain ❤", "", {"a": [1, None, "ü"]})
        secret_model.objects.update(text=None)
        assert secret_model.objects.filter(text__isnull=True).count() == 1
        secret_model.objects.update(text="chest pain")
        assert secret_model.objects.get().text == "chest pain"
    assert "chest" not in _raw("text")
    assert _raw("text").startswith("v1:test:")


def test_equal_texts_have_different_ciphertexts(secret_model: Any) -> None:
    with clinic_context("alpha"):
        secret_model.objects.create(text="same", other="same")
    assert _raw("text") != _raw("other")


def test_a_ciphertext_copied_from_another_clinic_is_refused(secret_model: Any) -> None:
    with clinic_context("alpha"):
        secret_model.objects.create(text="alpha's")
    stolen = _raw("text")
    with clinic_context("beta"):
        secret_model.objects.create(text="beta's")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_secret SET text = %s", [stolen])
        with pytest.raises(UnreadableCiphertext, match=r"beta/accounts\.secret/text.*copied from another clinic"):
            secret_model.objects.get()


def test_a_ciphertext_copied_from_another_field_is_refused(secret_model: Any) -> None:
    with clinic_context("alpha"):
        secret_model.objects.create(text="one")
        with connection.cursor() as cursor:
            cursor.execute("UPDATE accounts_secret SET other = text")
        with pytest.raises(UnreadableCiphertext):
            secret_model.objects.get()


@pytest.mark.parametrize("lookup", ["text", "text__contains", "text__in", "data__a", "text__gt"])
def test_encrypted_fields_cannot_be_searched(secret_model: Any, lookup: str) -> None:
    with clinic_context("alpha"), pytest.raises(FieldError, match="encrypted"):
        secret_model.objects.filter(**{lookup: "x"}).exists()


def test_keys_are_rotated_without_losing_a_value(secret_model: Any, settings: Any, monkeypatch: Any) -> None:
    from django.apps import apps

    monkeypatch.setattr(apps, "get_models", lambda: [secret_model])
    monkeypatch.setattr("django.db.router.allow_migrate_model", lambda *_: True)
    settings.FIELD_KEYS = OLD
    with clinic_context("alpha"):
        secret_model.objects.create(text="one", data=[1])
        settings.FIELD_KEYS = f"{NEW},{OLD}"
        assert secret_model.objects.get().text == "one"
        out = io.StringIO()
        call_command("rotate_field_keys", stdout=out)
        assert out.getvalue() == "3 values re-encrypted with key new\n"
        call_command("rotate_field_keys", stdout=out)
        assert out.getvalue().endswith("0 values re-encrypted with key new\n")
        settings.FIELD_KEYS = NEW
        read = secret_model.objects.get()
        assert (read.text, read.data) == ("one", [1])
        settings.FIELD_KEYS = OLD
        with pytest.raises(UnreadableCiphertext, match="'new', which is not in FIELD_KEYS"):
            secret_model.objects.get()


@given(
    text=st.text(), position=st.integers(min_value=0, max_value=10_000), flip=st.integers(min_value=1, max_value=255)
)
def test_any_changed_byte_is_noticed(text: str, position: int, flip: int) -> None:
    ring = key_ring(OLD)
    value = ring.encrypt(text, "alpha/m/f")
    assert ring.decrypt(value, "alpha/m/f") == text
    head, _, body = value.rpartition(":")
    raw = bytearray(base64.b64decode(body))
    raw[position % len(raw)] ^= flip
    with pytest.raises(UnreadableCiphertext):
        ring.decrypt(f"{head}:{base64.b64encode(bytes(raw)).decode()}", "alpha/m/f")
    with pytest.raises(UnreadableCiphertext):
        ring.decrypt(value, "beta/m/f")


@pytest.mark.parametrize("value", ["", "plain text", "v1:old", "v1:old:", "v1:old:!!!", "v1:old:AAAA", "v2:old:AAAA"])
def test_what_is_no_ciphertext_is_refused(value: str) -> None:
    with pytest.raises(UnreadableCiphertext):
        key_ring(OLD).decrypt(value, "alpha/m/f")


@pytest.mark.parametrize("setting", ["", "old", "old:AAAA", "old:!!", f"{OLD},{OLD}", f":{OLD.split(':')[1]}"])
def test_a_wrong_key_ring_stops_with_the_settings_name(setting: str) -> None:
    with pytest.raises(ConfigurationError, match="FIELD_KEYS"):
        key_ring(setting)
