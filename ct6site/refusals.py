"""How the site says no where no view does: in JSON under /api/, and always as a sentence that says what to do."""

import sys
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views import defaults
from rest_framework.response import Response
from rest_framework.settings import api_settings
from rest_framework.views import exception_handler

from ct6site import start
from readings.store.archive.errors import ArchiveError

log = structlog.get_logger(__name__)

_AWAY = gettext_lazy("The database does not answer at the moment. Try again in some seconds.")
_UNREADABLE = gettext_lazy("A file of the archive cannot be read at the moment; the server's log tells which one.")
_LONGEST_NAME = 100
_SOON = {"Retry-After": "5"}


def explain(error: Exception, context: dict[str, Any]) -> Response | None:
    """The answer of the API to an error in one of its views; a database that is away is 503, not a traceback."""
    if start.is_unprepared(error):
        return Response({"detail": start.UNPREPARED}, status=503)
    if isinstance(error, OperationalError | InterfaceError):
        log.error("The database does not answer", path=context["request"].path, reason=str(error))
        return Response({"detail": _AWAY}, status=503, headers=_SOON)
    if isinstance(error, ArchiveError):
        log.error("The archive cannot be read", path=context["request"].path, reason=str(error))
        return Response({"detail": _UNREADABLE}, status=503, headers=_SOON)
    wanted = context["request"].query_params.get(api_settings.URL_FORMAT_OVERRIDE)
    if isinstance(error, Http404) and not error.args and wanted is not None:  # as no renderer writes that format
        allowed = ", ".join(renderer.format for renderer in context["view"].get_renderers())
        sentence = _("%(format)s is not known; allowed: %(allowed)s.") % {"format": repr(wanted), "allowed": allowed}
        return Response({api_settings.URL_FORMAT_OVERRIDE: [sentence]}, status=400)
    return exception_handler(error, context)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not isinstance(exception, DisallowedHost):
        return defaults.bad_request(request, exception)
    name = request.META.get("HTTP_HOST", "")[:_LONGEST_NAME]
    sentence = _(
        "This page was opened as %(name)s, which is not in ALLOWED_HOSTS. Open it under another name of its machine, "
        "or add this one there (see .env.example)."
    ) % {"name": name}
    if _in_api(request):
        return JsonResponse({"detail": sentence}, status=400)
    return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not _in_api(request):
        return defaults.page_not_found(request, exception)
    sentence = _("There is no %(path)s; /api/v1/docs/ shows what there is.") % {"path": request.path}
    return _refuse(request, 404, sentence)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Called while the error is being handled. Its traceback is in the log, and nowhere else."""
    error = sys.exc_info()[1]
    if start.is_unprepared(error):
        return _refuse(request, 503, start.UNPREPARED)
    if isinstance(error, OperationalError | InterfaceError):
        return _refuse(request, 503, str(_AWAY), _SOON)
    if isinstance(error, ArchiveError):
        return _refuse(request, 503, str(_UNREADABLE), _SOON)
    if not _in_api(request):
        return defaults.server_error(request)
    return _refuse(request, 500, _("Something broke on our side; the server's log tells what."))


def locked_out(request: HttpRequest, response: HttpResponseBase, credentials: dict[str, Any]) -> HttpResponseBase:
    """After too many wrong passwords."""
    wait_s = round(settings.AXES_COOLOFF_TIME * 3600)
    minutes = wait_s // 60
    sentence = ngettext(
        "Too many wrong passwords for this user from this address. Try again in %(minutes)d minute.",
        "Too many wrong passwords for this user from this address. Try again in %(minutes)d minutes.",
        minutes,
    ) % {"minutes": minutes}
    return _refuse(request, 429, sentence, {"Retry-After": str(wait_s)})


def _refuse(
    request: HttpRequest, status: int, sentence: str, headers: dict[str, str] | None = None
) -> HttpResponseBase:
    if _in_api(request):
        return JsonResponse({"detail": sentence}, status=status, headers=headers)
    page = render_to_string("dashboard/refusal.html", {"sentence": sentence})
    return HttpResponse(page, status=status, headers=headers)


def _in_api(request: HttpRequest) -> bool:
    return request.path_info.startswith("/api/")
