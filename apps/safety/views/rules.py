"""The triage rules as the clinic's clinicians decide upon them: read by everybody who sees cases, decided by clinicians."""

from __future__ import annotations

from collections import Counter

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_safe

from apps.safety import selectors, services
from apps.safety.forms import DecisionForm
from medassist.accounts.access import Actor, Permission, is_allowed, require
from medassist.accounts.pages import page
from medassist.common.errors import InvalidInput, StateConflict

READERS = (Permission.CASE_READ, Permission.RULE_DECIDE, Permission.AUDIT_READ, Permission.PROTOCOL_MANAGE)
STATES = {
    "undecided": _("not decided"),
    "signed_off": _("signed off"),
    "switched_off": _("switched off"),
    "lapsed": _("to be decided anew"),
    "withdrawn": _("decision withdrawn"),
}
LEVELS = {"emergency_now": _("Emergency now"), "same_day": _("Same day"), "routine": _("Routine")}


@require_safe
@page(READERS)
def all_rules(request: HttpRequest, _actor: Actor) -> HttpResponse:
    """All rules, or those of one state."""
    rules = selectors.rules()
    counts: Counter[str] = Counter(rule.state for rule in rules)
    wanted = request.GET.get("state", "")
    shown = [rule for rule in rules if wanted not in STATES or rule.state == wanted]
    context = {
        "rules": [{"rule": rule, "state": STATES[rule.state], "levels": _levels(rule.triggers)} for rule in shown],
        "filters": [(key, name, counts[key]) for key, name in STATES.items() if counts[key]],
        "wanted": wanted if wanted in STATES else "",
        "total": len(rules),
        "version": services.RULE_SET_VERSION,
    }
    return render(request, "safety/rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@page(READERS)
def one_rule(request: HttpRequest, actor: Actor, rule_id: str) -> HttpResponse:
    """One rule, its history and, for who may, the form to decide."""
    rule = selectors.rule(rule_id)
    may_decide = is_allowed(actor, Permission.RULE_DECIDE)
    form = DecisionForm(
        request.POST if request.method == "POST" else None, hard=rule.hard, decided=rule.decision is not None,
        initial={"version": rule.version},
    )  # fmt: skip
    status = 200
    if request.method == "POST":
        require(actor, Permission.RULE_DECIDE)
        status = 400
        if form.is_valid():
            try:
                services.decide_rule(actor=actor, rule_id=rule_id, **form.cleaned_data)
            except InvalidInput as error:
                for name, words in error.fields.items():
                    form.add_error(name if name in form.fields else None, words)
            except StateConflict as error:
                form.add_error(None, error.detail)
                status = error.status
            else:
                messages.success(request, gettext("Your decision counts from the next case on."))
                return redirect("safety:rule", rule_id=rule_id)
    context = {
        "rule": rule,
        "state": STATES[rule.state],
        "triggers": [(level, LEVELS[level], when) for level, when in rule.triggers],
        "history": [(line, STATES[line.state]) for line in rule.history],
        "form": form if may_decide else None,
    }
    return render(request, "safety/rule.html", context, status=status)


def _levels(triggers: tuple[tuple[str, str], ...]) -> list[tuple[str, object]]:
    return [(level, LEVELS[level]) for level in dict.fromkeys(level for level, _when in triggers)]
