"""The structured case form: lenient about how things are typed, strict about what leaves it (`CaseInput`)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any, cast

from django import forms
from django.forms import BaseFormSet, formset_factory
from django.utils.text import format_lazy
from django.utils.translation import get_language_info, gettext
from django.utils.translation import gettext_lazy as _

from medassist.clinical.case import LONG_TEXT, Age, CaseInput, Patient, Vitals
from medassist.clinical.parsing import parse_case, parse_json
from medassist.common.errors import InvalidInput, MedAssistError

BLANK_ROWS = 2
MOST_ROWS = 500

LISTS = ("medications", "allergies", "past_history", "family_history")
TEXTS = ("presenting_complaint", "history", "examination", "social_history", "question", "own_impression")
MEASURES = (
    "respiratory_rate",
    "spo2",
    "systolic_bp",
    "diastolic_bp",
    "heart_rate",
    "temperature_c",
    "gcs",
    "weight_kg",
)
PATHS: dict[str, str] = {
    "patient.age": "age_value",
    "patient.age.value": "age_value",
    "patient.age.unit": "age_unit",
    "patient.sex": "sex",
    "patient.pregnancy": "pregnancy",
    "patient.gestation_weeks": "gestation_weeks",
    "patient.reference": "reference",
    "vitals": "diastolic_bp",
    **{f"vitals.{name}": name for name in (*MEASURES, "spo2_scale", "on_oxygen", "consciousness", "taken_at")},
    **{name: name for name in (*TEXTS, "locale")},
}
"""Dotted path of the contract -> form field; lists and rows are mapped by `CaseEntry`."""

SAID = {
    "diastolic_bp is above systolic_bp": _("The diastolic pressure is above the systolic pressure."),
    "presenting_complaint or history is required": _("Enter a presenting complaint or a history."),
    "an age above 125 years is not plausible": _("An age above 125 years is not plausible."),
}


def bounds(model: type[Vitals] | type[Patient] | type[Age], name: str) -> tuple[float, float]:
    """The plausible range that the contract itself declares, so that hint and check cannot differ."""
    info = model.model_fields[name].metadata
    low = next(item.ge for item in info if hasattr(item, "ge"))
    high = next(item.le for item in info if hasattr(item, "le"))
    return float(low), float(high)


def plain(number: float) -> str:
    return f"{number:g}"


def language_name(locale: str) -> str:
    """ "en-GB" -> "British English"; a locale that Django does not know names itself."""
    try:
        return str(get_language_info(locale.lower())["name_local"])
    except KeyError:
        return locale


class Number(forms.FloatField):
    """A number typed as text: nothing is lost when it is wrong, and a decimal comma is understood."""

    widget = forms.TextInput

    def __init__(self, *, low: float | None = None, high: float | None = None, **kwargs: Any) -> None:
        if low is not None and high is not None:
            kwargs.setdefault(
                "help_text",
                format_lazy(_("{low} to {high}"), low=plain(low), high=plain(high)),
            )
        self.low, self.high = low, high
        super().__init__(
            required=False,
            widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
            **kwargs,
        )

    def validate(self, value: Any) -> None:
        super().validate(value)
        if value is None or self.low is None or self.high is None or self.low <= value <= self.high:
            return
        raise forms.ValidationError(
            gettext("%(low)s to %(high)s is plausible; check the number and its unit.")
            % {"low": plain(self.low), "high": plain(self.high)}
        )

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.strip().replace(",", ".") if isinstance(value, str) else value)


def measure(model: type[Vitals] | type[Patient], name: str, label: Any) -> Number:
    low, high = bounds(model, name)
    return Number(low=low, high=high, label=label)


def long_text(label: Any, *, help_text: Any = "", rows: int = 3) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, required=False, strip=False, widget=forms.Textarea(attrs={"rows": rows})
    )


def one_per_line(label: Any) -> forms.CharField:
    return forms.CharField(
        label=label, help_text=_("One per line."), required=False, widget=forms.Textarea(attrs={"rows": 3})
    )


class Moment(forms.DateTimeField):
    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
            input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"],
        )


class CaseForm(forms.Form):
    """Everything of a case except its rows (symptoms, laboratory values)."""

    use_required_attribute = False

    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    age_value = Number(label=_("Age"))
    age_unit = forms.ChoiceField(
        label=_("Age is in"),
        choices=[("years", _("years")), ("months", _("months")), ("weeks", _("weeks")), ("days", _("days"))],
    )
    sex = forms.ChoiceField(
        label=_("Sex"),
        choices=[("unknown", _("Not recorded")), ("female", _("Female")), ("male", _("Male")), ("other", _("Other"))],
    )
    pregnancy = forms.ChoiceField(
        label=_("Pregnancy"),
        choices=[
            ("unknown", _("Not recorded")),
            ("not_pregnant", _("Not pregnant")),
            ("pregnant", _("Pregnant")),
            ("postpartum", _("Postpartum")),
        ],
    )
    gestation_weeks = measure(Patient, "gestation_weeks", _("Gestation"))
    reference = forms.CharField(
        label=_("Your reference"),
        max_length=200,
        required=False,
        help_text=_("Your own opaque number, no name. Never sent to a model."),
    )
    presenting_complaint = long_text(
        _("Presenting complaint"), help_text=_("In a few words. A complaint or a history is needed."), rows=2
    )
    history = long_text(_("History"), help_text=_("Onset, course, what makes it better or worse."), rows=6)
    examination = long_text(_("Examination"), rows=4)
    social_history = long_text(_("Social history"))
    respiratory_rate = measure(Vitals, "respiratory_rate", _("Respiratory rate"))
    spo2 = measure(Vitals, "spo2", _("Oxygen saturation"))
    spo2_scale = forms.TypedChoiceField(
        label=_("SpO₂ scale"), coerce=int, choices=[(1, _("Scale 1 (usual)")), (2, _("Scale 2 (88–92 % target)"))]
    )
    on_oxygen = forms.ChoiceField(
        label=_("Air or oxygen"),
        required=False,
        choices=[("", _("Not recorded")), ("no", _("Air")), ("yes", _("Oxygen"))],
    )
    systolic_bp = measure(Vitals, "systolic_bp", _("Systolic pressure"))
    diastolic_bp = measure(Vitals, "diastolic_bp", _("Diastolic pressure"))
    heart_rate = measure(Vitals, "heart_rate", _("Heart rate"))
    temperature_c = measure(Vitals, "temperature_c", _("Temperature"))
    consciousness = forms.ChoiceField(
        label=_("Consciousness"),
        required=False,
        choices=[
            ("", _("Not recorded")),
            ("A", _("A: alert")),
            ("C", _("C: new confusion")),
            ("V", _("V: responds to voice")),
            ("P", _("P: responds to pain")),
            ("U", _("U: unresponsive")),
        ],
    )
    gcs = measure(Vitals, "gcs", _("Glasgow Coma Scale"))
    weight_kg = measure(Vitals, "weight_kg", _("Weight"))
    taken_at = Moment(_("Measured at"))
    medications = one_per_line(_("Medications, as recorded"))
    allergies = one_per_line(_("Allergies"))
    past_history = one_per_line(_("Past history"))
    family_history = one_per_line(_("Family history"))
    question = long_text(_("Your question"), help_text=_("What you want to know about this case."), rows=2)
    own_impression = long_text(
        _("Your own impression"), help_text=_("Thinking first guards against anchoring. Optional."), rows=2
    )
    locale = forms.ChoiceField(label=_("Language of the answer"))
    think_first = forms.BooleanField(
        label=_("Ask for my own impression before the assessment is shown"), required=False,
        help_text=_("Triage and red flags are never hidden."),
    )  # fmt: skip

    def __init__(self, *args: Any, locales: Iterable[str] = ("en-GB",), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["locale"]).choices = [
            (name, language_name(name)) for name in dict.fromkeys(locales)
        ]
        self.initial.setdefault("idempotency_key", str(uuid.uuid4()))

    def clean_gcs(self) -> int | None:
        value: float | None = self.cleaned_data["gcs"]
        if value is None:
            return None
        if value != int(value):
            raise forms.ValidationError(gettext("Enter a whole number."))
        return int(value)

    def case_data(self) -> dict[str, Any]:
        """The cleaned fields under the contract's names; blanks are left out."""
        cleaned = self.cleaned_data
        age = cleaned["age_value"]
        patient = {
            "sex": cleaned["sex"],
            "pregnancy": cleaned["pregnancy"],
            "gestation_weeks": cleaned["gestation_weeks"],
            "reference": cleaned["reference"] or None,
            "age": None if age is None else {"value": age, "unit": cleaned["age_unit"]},
        }
        vitals = {name: cleaned[name] for name in (*MEASURES, "spo2_scale")}
        vitals["consciousness"] = cleaned["consciousness"] or None
        vitals["on_oxygen"] = {"yes": True, "no": False}.get(cleaned["on_oxygen"])
        vitals["taken_at"] = cleaned["taken_at"]
        return {
            "patient": patient,
            "vitals": vitals,
            "locale": cleaned["locale"],
            **{name: cleaned[name].replace("\r\n", "\n") for name in TEXTS},
            **{name: [line for _number, line in numbered(cleaned[name])] for name in LISTS},
        }


class SymptomRow(forms.Form):
    use_required_attribute = False
    name = forms.CharField(label=_("Symptom"), max_length=2000)
    present = forms.ChoiceField(label=_("Present"), choices=[("yes", _("Yes")), ("no", _("No, denied"))], initial="yes")
    onset = forms.CharField(label=_("Onset"), max_length=2000, required=False)
    duration = forms.CharField(label=_("Duration"), max_length=2000, required=False)
    severity = forms.CharField(label=_("Severity"), max_length=2000, required=False)

    def case_data(self) -> dict[str, Any]:
        return {**self.cleaned_data, "present": self.cleaned_data["present"] == "yes"}


class LabRow(forms.Form):
    use_required_attribute = False
    name = forms.CharField(label=_("Test"), max_length=2000)
    value = forms.CharField(label=_("Result"), max_length=200)
    unit = forms.CharField(label=_("Unit"), max_length=60, required=False)
    reference_low = Number(label=_("Range from"))
    reference_high = Number(label=_("Range to"))
    taken_at = Moment(_("Taken at"))

    def case_data(self) -> dict[str, Any]:
        value: float | str = self.cleaned_data["value"]
        with suppress(forms.ValidationError):  # the laboratory's own words ("positive", "<0.01") are a result too
            value = Number().clean(value)
        return {**self.cleaned_data, "value": value}


Symptoms = formset_factory(SymptomRow, extra=BLANK_ROWS, max_num=200, absolute_max=200)
Labs = formset_factory(LabRow, extra=BLANK_ROWS, max_num=MOST_ROWS, absolute_max=MOST_ROWS)


def numbered(text: str) -> list[tuple[int, str]]:
    """The non-blank lines with their line numbers from 1."""
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]


class CaseEntry:
    """The form and its rows as one: `is_valid()` leaves a `CaseInput` in `case`."""

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        locales: Iterable[str] = ("en-GB",),
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        start = dict(initial or {})
        self.symptoms: BaseFormSet[SymptomRow] = Symptoms(data, prefix="symptoms", initial=start.pop("symptoms", None))
        self.labs: BaseFormSet[LabRow] = Labs(data, prefix="labs", initial=start.pop("labs", None))
        for row in (*self.symptoms.forms, *self.labs.forms):
            row.empty_permitted = True  # a row that was cleared again is no row
        self.form = CaseForm(data, locales=locales, initial=start)
        self.case: CaseInput | None = None

    @property
    def bound_forms(self) -> list[forms.BaseForm]:
        return [self.form, *self.symptoms.forms, *self.labs.forms]

    def is_valid(self) -> bool:
        if not all([self.form.is_valid(), self.symptoms.is_valid(), self.labs.is_valid()]):
            return False
        symptoms = [row for row in self.symptoms.forms if row.has_changed()]
        labs = [row for row in self.labs.forms if row.has_changed()]
        data = {
            **self.form.case_data(),
            "symptoms": [row.case_data() for row in symptoms],
            "labs": [row.case_data() for row in labs],
        }
        try:
            self.case = parse_case(data)
        except InvalidInput as error:
            self._place(error.fields, {"symptoms": symptoms, "labs": labs})
            return False
        return True

    def place(self, error: MedAssistError) -> None:
        """Shows an error that the service raised where it belongs."""
        if error.fields:
            changed: dict[str, list[Any]] = {
                "symptoms": [row for row in self.symptoms.forms if row.has_changed()],
                "labs": [row for row in self.labs.forms if row.has_changed()],
            }
            self._place(error.fields, changed)
        else:
            self.form.add_error(None, error.detail)

    def _place(self, fields: Mapping[str, str], rows: Mapping[str, list[Any]]) -> None:
        for path, message in fields.items():
            said = SAID.get(message, message)
            head, *rest = path.split(".")
            if path in PATHS:
                self.form.add_error(PATHS[path], said)
            elif head in rows and rest and rest[0].isdigit() and int(rest[0]) < len(rows[head]):
                row = rows[head][int(rest[0])]
                row.add_error(rest[1] if len(rest) > 1 and rest[1] in row.fields else None, said)
            elif head in LISTS:
                self.form.add_error(head, self._line_message(head, rest, str(said)))
            else:
                self.form.add_error(None, f"{path}: {said}" if path else said)

    def _line_message(self, name: str, rest: list[str], said: str) -> str:
        lines = numbered(self.form.cleaned_data.get(name, ""))
        if rest and rest[0].isdigit() and int(rest[0]) < len(lines):
            return gettext("Line %(number)s: %(message)s") % {"number": lines[int(rest[0])][0], "message": said}
        return said

    def problems(self) -> list[tuple[str, str, str]]:
        """(id of the input, its label, what is wrong) in page order, for the error summary."""
        found: list[tuple[str, str, str]] = []
        for form in self.bound_forms:
            if not form.is_bound or not form.errors:
                continue
            row = gettext("row %(number)s") % {"number": int(form.prefix.split("-")[1]) + 1} if form.prefix else ""
            for name, errors in form.errors.items():
                field = form[name] if name in form.fields else None
                label = f"{field.label} ({row})" if field and row else str(field.label) if field else row
                found.extend((field.id_for_label if field else "", label, str(error)) for error in errors)
        if self.form.is_bound:
            for formset in (self.symptoms, self.labs):
                found.extend(("", "", str(error)) for error in formset.non_form_errors())
        return found


class CaseJsonForm(forms.Form):
    """A whole `CaseInput` as JSON, for hospitals' exports and for the data team."""

    use_required_attribute = False
    idempotency_key = forms.CharField(max_length=64, required=False, widget=forms.HiddenInput)
    case_json = forms.CharField(
        label=_("Case as JSON"),
        strip=False,
        help_text=_("One CaseInput object, as the API takes it."),
        widget=forms.Textarea(attrs={"class": "code", "rows": 16, "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("idempotency_key", str(uuid.uuid4()))
        self.case: CaseInput | None = None

    def clean_case_json(self) -> str:
        text: str = self.cleaned_data["case_json"]
        try:
            self.case = parse_case(parse_json(text))
        except InvalidInput as error:
            raise forms.ValidationError(
                [f"{path or gettext('case')}: {SAID.get(message, message)}" for path, message in error.fields.items()]
            ) from None
        except MedAssistError as error:
            raise forms.ValidationError(error.detail) from None
        return text

    def problems(self) -> list[tuple[str, str, str]]:
        return [
            (self["case_json"].id_for_label, str(self["case_json"].label), str(error))
            for errors in self.errors.values()
            for error in errors
        ]


class PastedForm(forms.Form):
    """A case as free text, to be read into the structured form."""

    use_required_attribute = False
    text = forms.CharField(
        label=_("Text of the case"), max_length=LONG_TEXT, strip=False,
        help_text=_("A letter, a triage note, a hand-over. Headings such as “PMH:” or “Allergies:” go to their fields."),
        widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false"}),
    )  # fmt: skip

    def problems(self) -> list[tuple[str, str, str]]:
        return [
            (self["text"].id_for_label, str(self["text"].label), str(error))
            for errors in self.errors.values()
            for error in errors
        ]


class ReleaseForm(forms.Form):
    """What a patient is to read, and what its author takes upon themselves."""

    use_required_attribute = False
    text = forms.CharField(
        label=_("What the patient will read"), widget=forms.Textarea(attrs={"rows": 20}),
        help_text=_("Say it as you would to the patient. Medicines are spoken of by name and dose in person only."),
    )  # fmt: skip
    accept_hard = forms.BooleanField(label=_("Release it although it is harder to read than aimed for"), required=False)
    accept_numbers = forms.BooleanField(label=_("Numbers that the record does not hold are right"), required=False)


class InvitationForm(forms.Form):
    """A code, and for who has no account yet how to sign in."""

    use_required_attribute = False
    code = forms.CharField(
        label=_("Code"), max_length=40, widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters"})
    )  # fmt: skip
    full_name = forms.CharField(label=_("Your name"), max_length=150)
    username = forms.CharField(
        label=_("User name"), max_length=150, help_text=_("You choose it; it is yours at this clinic.")
    )
    password = forms.CharField(
        label=_("Password"), max_length=200, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least twelve characters."),
    )  # fmt: skip

    def __init__(self, *args: Any, known: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if known:
            for name in ("full_name", "username", "password"):
                del self.fields[name]


def initial_of(case: CaseInput) -> dict[str, Any]:
    """The form's values for an existing case, so that a clinician can correct it and send it again."""
    vitals, patient = case.vitals, case.patient
    return {
        "age_value": plain(patient.age.value) if patient.age else None,
        "age_unit": patient.age.unit if patient.age else "years",
        "sex": patient.sex,
        "pregnancy": patient.pregnancy,
        "gestation_weeks": patient.gestation_weeks,
        "reference": patient.reference,
        **{name: getattr(vitals, name) for name in (*MEASURES, "spo2_scale", "consciousness", "taken_at")},
        "on_oxygen": {True: "yes", False: "no", None: ""}[vitals.on_oxygen],
        **{name: getattr(case, name) for name in TEXTS},
        **{name: "\n".join(getattr(case, name)) for name in LISTS},
        "locale": case.locale,
        "symptoms": [{**item.model_dump(), "present": "yes" if item.present else "no"} for item in case.symptoms],
        "labs": [item.model_dump() for item in case.labs],
    }
