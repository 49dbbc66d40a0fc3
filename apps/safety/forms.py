"""Forms of the safety room's pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.safety.models import RuleDecision


class DecisionForm(forms.Form):
    """A decision about a rule; what may be decided is for the service to say."""

    version = forms.CharField(widget=forms.HiddenInput, max_length=12)
    state = forms.ChoiceField(label=_("Decision"), choices=(), widget=forms.RadioSelect)
    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Needed unless you sign the rule off. Kept in the clinic's audit trail; name no patient."),
    )  # fmt: skip

    def __init__(self, *args: object, hard: bool, decided: bool, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        states = RuleDecision.States
        choices = [
            (states.SIGNED_OFF.value, _("Sign off: I have read trigger, level and source, and agree for this clinic"))
        ]
        if not hard:
            choices.append(
                (states.SWITCHED_OFF.value, _("Switch off: this rule shall not raise the level in this clinic"))
            )
        if decided:
            choices.append((states.WITHDRAWN.value, _("Withdraw what was decided")))
        state = self.fields["state"]
        assert isinstance(state, forms.ChoiceField)
        state.choices = choices
