"""Cases and their assessments, in the clinic's schema. What a patient or a model said is encrypted."""

from __future__ import annotations

import uuid

from django.contrib.postgres.indexes import GinIndex
from django.db import models

from medassist.common.blind import BlindIndexField
from medassist.common.fields import EncryptedJSONField, EncryptedTextField


class Case(models.Model):
    """One case as it was submitted; immutable. A new analysis of it is a new job and a new assessment."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.CharField(max_length=160)
    headline = EncryptedTextField()
    payload = EncryptedJSONField()
    """`CaseInput` as JSON."""
    floor = EncryptedJSONField()
    """`TriageFloor` as JSON, computed by rules alone before any model was asked."""
    floor_level = models.CharField(max_length=20)
    latest_job_id = models.UUIDField(null=True)
    words = BlindIndexField()
    """So that the work list can be searched although every word is encrypted."""
    think_first = models.BooleanField(default=False)
    """Who reads the assessment writes an own impression before it is shown; triage and red flags are never hidden."""

    restricted = models.BooleanField(default=False)
    """Only who is named in `CaseAccess` opens it."""

    class Meta:
        indexes = [
            models.Index(fields=["-created_at", "id"], name="case_newest"),
            GinIndex(fields=["words"], name="case_words"),
        ]

    def __str__(self) -> str:
        return f"Case {self.id}"

    def indexed_words(self) -> list[str]:
        payload = self.payload
        return [
            self.headline,
            payload.get("presenting_complaint", ""),
            (payload.get("patient") or {}).get("reference") or "",
        ]


class CaseAccess(models.Model):
    """Somebody who may open a restricted case: named by a colleague, or let in for a while by saying why (break-glass)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="accesses")
    person = models.CharField(max_length=64)
    """Primary key of the person, as text."""
    name = models.CharField(max_length=160)
    at = models.DateTimeField(auto_now_add=True)
    by = models.CharField(max_length=160)
    until = models.DateTimeField(null=True)
    """Null: until it is taken back."""
    broke_glass = models.BooleanField(default=False)
    reason = EncryptedTextField(default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["case", "person"], name="case_access_person")]

    def __str__(self) -> str:
        return f"Access {self.id}"


class AssessmentRecord(models.Model):
    """The one stored result of one job: unique by job, written in the fenced transaction that ends the job."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="assessments")
    job_id = models.UUIDField(unique=True)
    fence = models.BigIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(max_length=12)
    level = models.CharField(max_length=20)
    payload = EncryptedJSONField()
    """`Assessment` as JSON."""
    cited = models.JSONField(null=True)
    """Ids of the passages that it cites, so that a recall finds it; null: stored before this was kept."""
    reopened_at = models.DateTimeField(null=True)
    reopened_for = models.JSONField(default=list)
    """Why it was to be reviewed again: [{guideline, superseded_by, reason, at, by, passages}, …]; an entry that was
    dealt with has closed_at, closed_by and closed_how (reviewed, reanalysed), and then `reopened_at` is null again."""

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Assessment {self.id} ({self.status})"


class Impression(models.Model):
    """What a clinician thought before reading the assessment: one a person and case, never changed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="impressions")
    by = models.CharField(max_length=160)
    person = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)
    text = EncryptedTextField()
    """Empty: passed over."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "person"], name="impression_once")]

    def __str__(self) -> str:
        return f"Impression {self.id}"


class ClaimReview(models.Model):
    """What a clinician said about one claim of an assessment. Rows are never changed; the newest of a claim counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assessment = models.ForeignKey(AssessmentRecord, on_delete=models.PROTECT, related_name="claim_reviews")
    claim = models.CharField(max_length=20)
    """Its id within the assessment ("c1")."""
    verdict = models.CharField(max_length=8)
    reason = EncryptedTextField(default="")
    text = EncryptedTextField(default="")
    """The clinician's own words, of an edit."""
    by = models.CharField(max_length=160)
    person = models.CharField(max_length=64)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"Review {self.id} ({self.verdict})"


class Outcome(models.Model):
    """What it turned out to be. Rows are never changed; the newest of a case counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="outcomes")
    assessment = models.ForeignKey(AssessmentRecord, on_delete=models.PROTECT, null=True, related_name="outcomes")
    """The latest released one at that time, whose ranking it is held against."""
    diagnoses = EncryptedJSONField()
    """[{"name", "icd10"}, ...], at least one."""
    rank = models.PositiveSmallIntegerField(null=True)
    """Place of the first that the assessment names, from 1; null when it names none."""
    by = models.CharField(max_length=160)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"Outcome {self.id}"


class Release(models.Model):
    """A text that a patient may read about a case: checked, released by a clinician, never changed. The newest that was
    not withdrawn counts."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    assessment = models.ForeignKey(AssessmentRecord, on_delete=models.PROTECT, related_name="releases")
    text = EncryptedTextField()
    grade = models.FloatField()
    """Reading grade (Flesch-Kincaid) when it was released."""
    by = models.CharField(max_length=160)
    at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=160, default="")

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"Release {self.id}"


class PatientLink(models.Model):
    """A patient's way to one case: invited -> accepted -> consent withdrawn. The code is known to its holder only."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="patient_links")
    code_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.CharField(max_length=160)
    invited_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    person = models.CharField(max_length=64, default="", db_index=True)
    """Id of the patient's account, once accepted."""
    accepted_at = models.DateTimeField(null=True)
    consent_withdrawn_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Link {self.id}"


class PatientMessage(models.Model):
    """What a patient says about what was released: something is wrong, or a question. Answered once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    link = models.ForeignKey(PatientLink, on_delete=models.PROTECT, related_name="messages")
    kind = models.CharField(max_length=10)
    text = EncryptedTextField()
    at = models.DateTimeField(auto_now_add=True)
    reply = EncryptedTextField(default="")
    replied_by = models.CharField(max_length=160, default="")
    replied_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"Message {self.id}"


class Intake(models.Model):
    """A patient's answers to guided questions: open -> sent, or stopped at an emergency. Answers are added, never changed
    after it ended."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    link = models.ForeignKey(PatientLink, on_delete=models.PROTECT, related_name="intakes")
    answers = EncryptedJSONField()
    """{question id: answer}, in the order in which they were given."""
    level = models.CharField(max_length=20, default="routine")
    """What the triage rules say about the answers so far."""
    begun_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-begun_at"]

    def __str__(self) -> str:
        return f"Intake {self.id}"
