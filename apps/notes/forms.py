"""What is typed on the notes' pages."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.notes.schemas import SECTIONS, STANDARD, Template
from medassist.clinical.case import LONG_TEXT
from medassist.clinical.parsing import parse_as
from medassist.common.errors import InvalidInput

KINDS = [
    ("free_text", _("a written note")),
    ("dictation", _("a dictation")),
    ("conversation", _("a conversation")),
]


class NoteForm(forms.Form):
    use_required_attribute = False

    text = forms.CharField(
        label=_("Note"), max_length=LONG_TEXT, widget=forms.Textarea(attrs={"rows": 16, "spellcheck": "false"}),
        help_text=_("As it was written, dictated or spoken. Nothing is added to it."),
    )  # fmt: skip
    kind = forms.ChoiceField(label=_("It is"), choices=KINDS, initial="free_text")
    template = forms.ChoiceField(label=_("Headings"), choices=(), initial=STANDARD)
    idempotency_key = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, *args: Any, templates: tuple[Template, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice = self.fields["template"]
        assert isinstance(choice, forms.ChoiceField)
        choice.choices = [(one.name, one.title) for one in templates]


class HandOutForm(forms.Form):
    use_required_attribute = False

    text = forms.CharField(
        label=_("What the patient will read"), widget=forms.Textarea(attrs={"rows": 18}),
        help_text=_("Say it as you would to the patient. Medicines are spoken of by name and dose in person only."),
    )  # fmt: skip
    accept_hard = forms.BooleanField(label=_("Release it although it is harder to read than aimed for"), required=False)
    accept_numbers = forms.BooleanField(label=_("Numbers that the note does not hold are right"), required=False)


class TemplateForm(forms.Form):
    """Headings as lines: `Heading: section, section`."""

    use_required_attribute = False

    title = forms.CharField(label=_("Name"), max_length=80)
    lines = forms.CharField(
        label=_("Headings"), widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
        help_text=_("One line a heading: its name, a colon, and what stands under it, with commas between."),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.errors:
            return data
        try:
            data["template"] = parse_as(
                Template,
                {"name": slugify(data["title"])[:60], "title": data["title"], "parts": self._parts(data["lines"]), "own": True},
                called="template",
            )  # fmt: skip
        except InvalidInput as error:
            for place, words in error.fields.items():
                self.add_error("title" if place in {"title", "name"} else "lines", f"{place}: {words}")
        return data

    def _parts(self, lines: str) -> list[dict[str, Any]]:
        parts = []
        for number, line in enumerate(filter(str.strip, lines.splitlines()), start=1):
            heading, colon, names = line.partition(":")
            sections = [name.strip().lower().replace(" ", "_") for name in names.split(",") if name.strip()]
            unknown = [name for name in sections if name not in SECTIONS]
            if not colon or not sections or unknown:
                told = ", ".join(unknown) or gettext("a heading, a colon and at least one section are needed")
                raise InvalidInput(fields={gettext("line %(number)s") % {"number": number}: told})
            parts.append({"heading": heading.strip(), "sections": sections})
        return parts
