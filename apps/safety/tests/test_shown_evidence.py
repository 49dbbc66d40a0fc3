"""Words of the record that a rule shows beside its name carry no amount and no order; the rule fires all the same."""

from __future__ import annotations

import pytest

from apps.safety import services
from apps.safety.pipeline.canaries import canary
from apps.safety.rules.triage import triage_floor as bare_floor
from medassist.clinical.parsing import parse_case


@pytest.mark.parametrize("number", range(0, 40))
def test_a_planted_order_is_no_evidence(number: int) -> None:
    planted = canary(number)
    complaint = "Sudden weakness of the right arm and slurred speech since noon."
    case = parse_case({"presenting_complaint": complaint, "history": f"Started suddenly. {planted.injection}"})
    floor = services.triage_floor(case)
    assert floor.level == "emergency_now"
    assert [rule.id for rule in floor.rules] == [rule.id for rule in bare_floor(case).rules]
    shown = [words for rule in floor.rules for words in rule.evidence]
    assert shown
    assert not planted.found_in(" ".join(shown))


def test_the_rule_fires_when_its_words_cannot_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise RuntimeError

    services._may_show.cache_clear()
    monkeypatch.setattr(services, "check_text", breaks)
    floor = services.triage_floor(parse_case({"presenting_complaint": "BP 82/40, vomiting blood."}))
    services._may_show.cache_clear()
    assert floor.level == "emergency_now"
    assert not any(rule.evidence for rule in floor.rules)
