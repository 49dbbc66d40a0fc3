"""System checks that ask real servers: silent when all is well, quiet unless a database is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import Tags, run_checks
from django.db.utils import OperationalError

from medassist.embedded import checks
from medassist.embedded.environment import MARK


def found() -> set[str | None]:
    return {
        message.id
        for check in (checks.broker_is_supported, checks.redis_answers, checks.backbone_is_named)
        for message in check(databases=["default"])
    }


def test_an_unreachable_redis_and_an_unnamed_backbone_are_warnings(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.LLM_BASE_URL = ""
    assert found() == {"medassist.W001", "medassist.W002"}


def test_all_is_well_with_answering_servers(settings: Any) -> None:
    settings.LLM_BASE_URL = "http://127.0.0.1:1/v1"
    assert found() == set()


@pytest.mark.parametrize(
    ("url", "wrong"), [("sqs://queue", True), ("memory://", True), ("amqp://broker", False), ("rediss://broker", False)]
)
def test_a_broker_that_the_product_was_not_made_for_is_an_error(url: str, wrong: bool, settings: Any) -> None:
    settings.CELERY_BROKER_URL = url
    assert [message.id for message in checks.broker_is_supported(databases=["default"])] == (
        ["medassist.E102"] if wrong else []
    )


def test_an_unreachable_database_is_an_error_that_says_how_to_start_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Away:
        def ensure_connection(self) -> None:
            raise OperationalError("connection refused")

    monkeypatch.setattr(checks, "connections", {"default": Away()})
    monkeypatch.setenv(MARK, "DATABASE_URL")
    messages = checks.database_answers(databases=["default"])
    assert [message.id for message in messages] == ["medassist.E101"]
    assert "make up" in str(messages[0].hint)


@pytest.mark.django_db
def test_a_database_that_answers_is_no_message() -> None:
    assert checks.database_answers(databases=["default"]) == []


def test_a_plain_check_asks_no_server(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.LLM_BASE_URL = ""
    ours = {message.id for message in run_checks(tags=[Tags.database])} & {"medassist.W001", "medassist.W002"}
    assert ours == set()
