"""The one Dash application. Modules register their callbacks here; ``layout.py`` gives it its page."""

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django_plotly_dash import DjangoDash

from dashboard import dash_fixes

dash_fixes.repair()

NAME = "Dashboard"

with warnings.catch_warnings():
    # It warns that it hands the names of the CSRF cookie and header on to Dash, which is what we want.
    warnings.simplefilter("ignore")
    app = DjangoDash(NAME, csrf_token_name=settings.CSRF_COOKIE_NAME, csrf_header_name="X-CSRFToken")

# A component. The packages of components type theirs differently or not at all.
Element = Any

F = TypeVar("F", bound=Callable[..., Any])


def callback(*dependencies: Any, **options: Any) -> Callable[[F], F]:
    """Register a function of the server as a callback.

    Beside the values of its inputs and states it may take ``user`` and ``callback_context`` by name. Whatever it reads
    from the browser is a claim: it asks ``state.shown_on_page`` for the device, which checks the
    user's rights.
    """
    register: Callable[[F], F] = app.callback(*dependencies, **options)
    return register


def triggered_only_by(callback_context: Any, prop_id: str) -> bool:
    """Whether a callback runs for nothing else than a change of this property."""
    return [item["prop_id"] for item in callback_context.triggered] == [prop_id]


def aria(**attributes: str) -> dict[str, Any]:
    """Attributes for screen readers, e.g. ``aria(label="Day")``."""
    return {f"aria-{name}": value for name, value in attributes.items()}
