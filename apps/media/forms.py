"""The form of the pictures' page: choices out of the catalogue, and a title."""

from __future__ import annotations

from itertools import groupby

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.media.rules import catalogue
from apps.media.schemas import MOST_TITLE

_SHAPES = {"square": _("square"), "wide": _("wide"), "tall": _("tall")}


class PictureForm(forms.Form):
    topic = forms.ChoiceField(
        label=_("Subject"),
        choices=[
            (group, [(one.name, one.title) for one in ones])
            for group, ones in groupby(catalogue.TOPICS.values(), key=lambda one: one.group)
        ],
    )
    style = forms.ChoiceField(label=_("Style"), choices=[(one.name, one.title) for one in catalogue.STYLES.values()])
    shape = forms.ChoiceField(label=_("Shape"), choices=list(_SHAPES.items()))
    title = forms.CharField(
        label=_("Title"), required=False, max_length=MOST_TITLE,
        help_text=_("To find it by. It is not sent to the image model; name no patient and no medicine."),
    )  # fmt: skip
