"""The page, and the way in and out."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from dashboard.app import NAME
from dashboard.figures import COLOURS


@require_safe
@never_cache
@login_required
@ensure_csrf_cookie  # the callbacks send it back
def dashboard(request: HttpRequest) -> HttpResponse:
    colours = [(scheme, list(enumerate(palette, start=1))) for scheme, palette in COLOURS.items()]
    return render(request, "dashboard/dashboard.html", {"app_name": NAME, "colours": colours})


@method_decorator(never_cache, name="dispatch")
class Login(LoginView):
    template_name = "dashboard/login.html"
    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {"has_ended": "ended" in self.request.GET}
