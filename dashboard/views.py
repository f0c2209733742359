"""The page, files of what it shows, the page of a wall display, and the way in and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.http import content_disposition_header
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe
from django.views.i18n import JavaScriptCatalog

from dashboard import excel, export, wall
from dashboard.app import NAME
from dashboard.figures import COLOURS
from dashboard.state import current_ms, shown_to

# The words of the scripts. Its address names the language; the hour is how long an upgrade's new words may take.
words = cache_control(max_age=3600, private=True)(JavaScriptCatalog.as_view(packages=["dashboard"]))

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@require_safe
@never_cache
@login_required
@ensure_csrf_cookie  # the callbacks send it back
def dashboard(request: HttpRequest) -> HttpResponse:
    return render(request, "dashboard/dashboard.html", _app())


@require_safe
@never_cache
@login_required
def export_csv(request: HttpRequest) -> HttpResponse:
    table = _table(request)
    return _file(export.to_csv(table), "text/csv; charset=utf-8", export.file_name(table, "csv"))


@require_safe
@never_cache
@login_required
def export_excel(request: HttpRequest) -> HttpResponse:
    table = _table(request)
    return _file(excel.to_excel(table), EXCEL, export.file_name(table, "xlsx"))


def _table(request: HttpRequest) -> export.Table:
    """What an address with these words shows to this user; refused as the page refuses it."""
    shown = shown_to(request.user, request.META["QUERY_STRING"], current_ms())
    if shown is None:
        raise Http404
    return export.table_of(shown)


def _file(content: str | bytes, content_type: str, name: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return HttpResponse(content, content_type, headers={"Content-Disposition": disposition})


@require_safe
@never_cache
def wall_page(request: HttpRequest, token: str) -> HttpResponse:
    """The dashboard of a wall display's link: 404 for a link that never was, 410 for one that was revoked."""
    display = wall.display_of(token)
    if display is None:
        raise Http404
    if display.revoked is not None:
        return render(request, "dashboard/wall_revoked.html", status=410)
    wall.note_use(display)
    context = {"display": display, "token": token, "header": wall.HEADER}
    return render(request, "dashboard/wall.html", _app() | context)


@require_safe
@never_cache
def wall_state(request: HttpRequest, token: str) -> HttpResponse:
    """Whether the link is open, for its page to ask now and then: 204 if it is, else as the page."""
    display = wall.display_of(token)
    if display is None:
        raise Http404
    if display.revoked is not None:
        return HttpResponse(status=410)
    wall.note_use(display)
    return HttpResponse(status=204)


def _app() -> dict[str, Any]:
    colours = [(scheme, list(enumerate(palette, start=1))) for scheme, palette in COLOURS.items()]
    return {"app_name": NAME, "colours": colours, **_languages()}


def _languages() -> dict[str, Any]:
    """The languages to choose from, each by the name that it has itself."""
    return {"languages": settings.LANGUAGES}


@method_decorator(never_cache, name="dispatch")
class Login(LoginView):
    template_name = "dashboard/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | _languages() | {"has_ended": "ended" in self.request.GET}
