"""What a person gives beside a FHIR file."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _


class FhirFileForm(forms.Form):
    use_required_attribute = False
    record = forms.FileField(
        label=_("FHIR R4 file (JSON)"),
        help_text=_("A Bundle or a single resource, as the record system exports it."),
        widget=forms.ClearableFileInput(attrs={"accept": ".json,application/json,application/fhir+json"}),
    )
    presenting_complaint = forms.CharField(
        label=_("Presenting complaint"), required=False, max_length=2_000,
        help_text=_("When the file names no reason for the visit, or another one than today's."),
    )  # fmt: skip

    def clean_record(self) -> bytes:
        given = self.cleaned_data["record"]
        if given.size > settings.MAX_CASE_BYTES:
            raise forms.ValidationError(
                _("The file is larger than %(most)s bytes."), params={"most": settings.MAX_CASE_BYTES}
            )
        return bytes(given.read())

    def problems(self) -> list[tuple[str, str, str]]:
        shown = [(self[name], errors) for name, errors in self.errors.items() if name in self.fields]
        return [(field.id_for_label, str(field.label), str(error)) for field, errors in shown for error in errors]
