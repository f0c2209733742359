"""What django-plotly-dash 2.5.1 needs to work with Dash 4.4.1. Import this before DjangoDash is used.

Each repair is independent of the others; drop one when the package no longer needs it.
"""

import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from dash._hooks import HooksManager
from django.conf import settings
from django.http import Http404
from django_plotly_dash import dash_wrapper
from django_plotly_dash import models as dash_models


def repair() -> None:
    """Apply all repairs; a second call changes nothing."""
    _give_a_signing_key()
    _look_for_hooks_once()
    _find_apps_in_memory()
    _make_apps_once_a_thread()


def _give_a_signing_key() -> None:
    """Dash 4.4.1 signs with its server's secret key, which the stand-in server lacks: every page would be a 500."""
    original = dash_wrapper.PseudoFlask.__init__
    if getattr(original, "gives_a_key", False):
        return

    def initialise(self: Any) -> None:
        original(self)
        key = sha256(b"dash-signing:" + settings.SECRET_KEY.encode()).hexdigest()
        self.config.setdefault("SECRET_KEY", key)

    initialise.gives_a_key = True  # type: ignore[attr-defined]
    dash_wrapper.PseudoFlask.__init__ = initialise


def _look_for_hooks_once() -> None:
    """Dash looks through all installed packages for hooks whenever an app is made, which is once a request here."""
    register: Callable[[], None] = HooksManager.register_setuptools
    register()
    HooksManager._registered = True


def _find_apps_in_memory() -> None:
    """The package keeps a row per app: a query or an INSERT a request, and two first requests at once collide."""
    dash_models.find_stateless_by_name = _find_app


def _find_app(name: str) -> Any:
    try:
        return dash_wrapper.get_local_stateless_by_name(name)
    except KeyError as error:
        raise Http404(name) from error


def _make_apps_once_a_thread() -> None:
    """The package makes the Dash application anew for each request: 7 ms, most of a small callback's time. An app
    without stored state is the same every time; a thread's own is used by one request at a time.
    """
    original = dash_wrapper.DjangoDash.do_form_dash_instance
    if getattr(original, "remembers", False):
        return
    made = threading.local()

    def form(self: Any, replacements: Any = None, specific_identifier: Any = None, cache_id: Any = None) -> Any:
        if replacements or specific_identifier or cache_id:
            return original(self, replacements, specific_identifier, cache_id)
        name, layout = f"app_{self._uid}", self.layout
        kept = getattr(made, name, None)
        if kept is None or kept[0] is not layout:
            kept = layout, original(self)
            setattr(made, name, kept)
        return kept[1]

    form.remembers = True  # type: ignore[attr-defined]
    dash_wrapper.DjangoDash.do_form_dash_instance = form
