"""The clinic's own headings for summaries."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_POST

from apps.notes import selectors, services
from apps.notes.forms import TemplateForm
from apps.notes.schemas import SECTIONS, Template
from apps.notes.views import words
from apps.notes.views.words import say
from medassist.accounts.access import Actor, Permission
from medassist.accounts.pages import page
from medassist.common.errors import InvalidInput


@require_http_methods(["GET", "HEAD", "POST"])
@page(Permission.NOTE_TEMPLATE)
def all_templates(request: HttpRequest, actor: Actor) -> HttpResponse:
    """The templates; one that is named in the address stands in the form to be changed."""
    known = selectors.templates()
    status = 200
    if request.method == "POST":
        form = TemplateForm(request.POST)
        status = 400
        if form.is_valid():
            try:
                services.save_template(actor=actor, template=form.cleaned_data["template"])
            except InvalidInput as error:
                form.add_error("title", "; ".join(error.fields.values()))
            else:
                messages.success(request, gettext("The headings are kept. They count from the next note on."))
                return redirect("notes:templates")
    else:
        wanted = next((one for one in known if one.name == request.GET.get("change")), None)
        form = TemplateForm(initial={"title": wanted.title, "lines": _lines(wanted)} if wanted else None)
    context = {
        "templates": [(one, [(say(words.HEADINGS, part.heading), _named(part.sections)) for part in one.parts]) for one in known],
        "form": form,
        "sections": [(name, say(words.SECTIONS, name)) for name in SECTIONS],
    }  # fmt: skip
    return render(request, "notes/templates.html", context, status=status)


@require_POST
@page(Permission.NOTE_TEMPLATE)
def delete(request: HttpRequest, actor: Actor, name: str) -> HttpResponse:
    services.delete_template(actor=actor, name=name)
    messages.success(request, gettext("The headings were deleted. Summaries keep those they were made with."))
    return redirect("notes:templates")


def _named(sections: tuple[str, ...]) -> str:
    return ", ".join(say(words.SECTIONS, name) for name in sections)


def _lines(template: Template) -> str:
    return "\n".join(f"{part.heading}: {', '.join(part.sections)}" for part in template.parts)
