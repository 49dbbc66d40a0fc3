"""Addresses of the clinicians' pages. No patient text is ever part of one."""

from __future__ import annotations

from django.urls import path

from apps.cases.views import (
    case,
    entry,
    judging,
    passage,
    patients,
    portal,
    releases,
    restricted,
    review,
    versions,
    worklist,
)

app_name = "cases"

urlpatterns = [
    path("cases/", worklist.work_list, name="list"),
    path("cases/new/", entry.new_case, name="new"),
    path("cases/new/text/", entry.new_case_text, name="new-text"),
    path("cases/new/json/", entry.new_case_json, name="new-json"),
    path("cases/<uuid:case_id>/", case.case_page, name="detail"),
    path("cases/<uuid:case_id>/reanalyse/", case.reanalyse, name="reanalyse"),
    path("cases/<uuid:case_id>/jobs/<uuid:job_id>/", case.progress, name="progress"),
    path("cases/<uuid:case_id>/jobs/<uuid:job_id>/cancel/", case.cancel, name="cancel"),
    path("cases/<uuid:case_id>/assessments/<uuid:assessment_id>/reviewed/", review.reviewed, name="reviewed"),
    path("cases/<uuid:case_id>/assessments/", versions.versions, name="versions"),
    path(
        "cases/<uuid:case_id>/assessments/<uuid:assessment_id>/claims/<slug:claim_id>/",
        judging.review_claim,
        name="review-claim",
    ),
    path("cases/<uuid:case_id>/assessments/<uuid:assessment_id>/release/", releases.release, name="release"),
    path("cases/<uuid:case_id>/assessments/<uuid:assessment_id>/withdraw/", releases.withdraw, name="withdraw"),
    path("cases/<uuid:case_id>/access/", restricted.access, name="access"),
    path("cases/<uuid:case_id>/break-glass/", restricted.break_glass, name="break-glass"),
    path("accesses/", restricted.broken, name="glass-broken"),
    path("cases/<uuid:case_id>/impression/", judging.think, name="think"),
    path("cases/<uuid:case_id>/outcome/", judging.outcome, name="outcome"),
    path("cases/<uuid:case_id>/invite/", patients.invite, name="invite"),
    path("cases/<uuid:case_id>/messages/<uuid:message_id>/", patients.reply, name="patient-reply"),
    path("invitation/", portal.invitation, name="invitation"),
    path("my/", portal.own_cases, name="portal"),
    path("my/<uuid:link_id>/", portal.own_case, name="portal-case"),
    path("my/<uuid:link_id>/questions/", portal.intake, name="portal-intake"),
    path("my/<uuid:link_id>/message/", portal.message, name="portal-message"),
    path("my/<uuid:link_id>/seen/", portal.seen_by, name="portal-seen"),
    path("my/<uuid:link_id>/consent/", portal.consent, name="portal-consent"),
    path("passages/<path:passage_id>/", passage.passage, name="passage"),
]
