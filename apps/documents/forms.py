"""What is typed on the documents' pages."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

KINDS = [
    ("guideline", _("Guidelines")),
    ("protocol", _("Protocols of this clinic")),
    ("case_document", _("Documents of the case")),
]


class AboutForm(forms.Form):
    """Of a protocol that is sent; everything may stay empty."""

    use_required_attribute = False

    publisher = forms.CharField(label=_("Publisher"), max_length=200, required=False)
    version = forms.CharField(label=_("Version"), max_length=60, required=False)
    published = forms.DateField(
        label=_("Published"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    grade = forms.CharField(label=_("Grade"), max_length=40, required=False)
    specialty = forms.CharField(label=_("Specialty"), max_length=60, required=False)


class SearchForm(forms.Form):
    use_required_attribute = False

    query = forms.CharField(label=_("Search for"), max_length=1_000)
    case = forms.UUIDField(label=_("Case"), required=False, widget=forms.HiddenInput)
    kinds = forms.MultipleChoiceField(
        label=_("Only in"), choices=KINDS, required=False, widget=forms.CheckboxSelectMultiple
    )
    published_from = forms.DateField(
        label=_("Published from"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    mode = forms.ChoiceField(
        label=_("Find by"),
        required=False,
        choices=[("fused", _("meaning and words")), ("dense", _("meaning")), ("sparse", _("words"))],
    )

    def asked(self) -> dict[str, Any]:
        """As the contract of a search takes it."""
        data = self.cleaned_data
        given: date | None = data["published_from"]
        return {
            "query": data["query"], "case": str(data["case"]) if data["case"] else None, "kinds": data["kinds"],
            "published_from": given.isoformat() if given else None, "mode": data["mode"] or "fused",
        }  # fmt: skip
