"""Addresses of the safety room's pages."""

from __future__ import annotations

from django.urls import path

from apps.safety.views import rules

app_name = "safety"

urlpatterns = [
    path("rules/", rules.all_rules, name="rules"),
    path("rules/<slug:rule_id>/", rules.one_rule, name="rule"),
]
