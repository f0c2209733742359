"""The pages that belong to no app."""

from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import Error
from django.http import HttpRequest, HttpResponseRedirect, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from ct6site.operations.health import Part, examine, versions
from ct6site.tokens import TokenAuthentication


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """200 when all parts are well, else 503, and which are; to staff also how each is."""
    parts = examine(timezone.now())
    well = all(part.well for part in parts)
    answer: dict[str, Any] = {"well": well, "parts": {part.name: "well" if part.well else "unwell" for part in parts}}
    answer |= _details(request, parts)
    return JsonResponse(answer, status=200 if well else 503)


def _details(request: HttpRequest, parts: list[Part]) -> dict[str, Any]:
    if not parts[0].well:
        return {}  # without the database nobody is known to be staff
    try:
        user = _asker(request)
        if not (user.is_active and user.is_staff):
            return {}
        return {
            "details": {part.name: {"sentence": part.sentence, **part.figures} for part in parts},
            "versions": versions(),
        }
    except Error:  # it went away just now
        return {}


def _asker(request: HttpRequest) -> Any:
    """Who asks, by session or else by an API token; one that opens nothing makes nobody of them."""
    if request.user.is_authenticated:
        return request.user
    try:
        login = TokenAuthentication().authenticate(Request(request))
    except AuthenticationFailed:
        login = None
    return login[0] if login else request.user


@require_safe
def favicon(_request: HttpRequest) -> HttpResponseRedirect:
    """Browsers ask for it here, whatever a page says."""
    return HttpResponseRedirect(staticfiles_storage.url("dashboard/favicon.ico"))
