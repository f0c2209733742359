"""Who gets an answer from the dashboard."""

from collections.abc import Callable
from typing import Any

from dash.fingerprint import check_fingerprint
from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from dashboard import wall

_TEXT = "text/plain; charset=utf-8"
View = Callable[..., HttpResponseBase]
_split_version: Callable[[str], tuple[str, bool]] = check_fingerprint


def guarded(view: View, route_name: str = "", url_part: str = "", name: str = "") -> View:
    """Wrap a view of django-plotly-dash (named in ``settings.PLOTLY_DASH``): for logged-in users, and for the pages of
    wall displays, which stand for the viewer of their link and for nobody else.

    Callbacks of others get 401 instead of the login page's HTML, and the CSRF token that the wrapped view waives is
    asked for. The session is not saved: each callback would wait for the database's writer.
    """
    if url_part == "":
        return _to_the_page
    if url_part == "_dash-component-suites":
        return _to_static_file(view)  # scripts of the packages, the same for everybody

    def without_saving(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        modified_before = request.session.modified
        response = view(request, *args, **kwargs)
        request.session.modified = modified_before
        return response

    checked = csrf_protect(without_saving)

    @csrf_exempt  # by the middleware, so that a request without a session gets 401 and not 403
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if wall.HEADER in request.headers:
            viewer = wall.viewer_of(request.headers[wall.HEADER])
            if viewer is None:
                return HttpResponse(_("This link was revoked."), status=410, content_type=_TEXT)
            request.user = viewer  # type: ignore[assignment]  # what the callbacks are handed as their user
            return without_saving(request, *args, **kwargs)  # other sites can neither know nor send the header
        if not request.user.is_authenticated:
            return HttpResponse(_("Your session has ended. Log in again."), status=401, content_type=_TEXT)
        return checked(request, *args, **kwargs)

    return answer


def _to_the_page(request: HttpRequest, **kwargs: Any) -> HttpResponseBase:
    """The app without the page round it has no header, no banner and no log-out."""
    return HttpResponseRedirect(reverse("dashboard"))


def _to_static_file(view: View) -> View:
    """Redirects to names with the content's hash. A redirect is itself cached for ever if its URL names a version."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        plain_name = response.headers["Location"].removeprefix(settings.STATIC_URL)
        response.headers["Location"] = staticfiles_storage.url(plain_name)
        if _split_version(kwargs["resource"])[1]:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    return answer
