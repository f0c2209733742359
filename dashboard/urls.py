from django.contrib.auth.views import LogoutView
from django.urls import URLPattern, include, path
from django.views.i18n import set_language
from django_plotly_dash import urls as dash_urls
from django_plotly_dash.app_name import app_name as dash_app_name

from dashboard import layout, views


def _is_needed(pattern: URLPattern) -> bool:
    """The parts of an app without stored state; the rest writes to the database, partly without a login."""
    name = pattern.name or ""
    return name.startswith("app-") and not name.endswith("--args")


layout.install()
dash_patterns = [pattern for pattern in dash_urls.urlpatterns if _is_needed(pattern)]

urlpatterns = [
    path("", views.dashboard, name="dashboard"),
    path("login/", views.Login.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("words.js", views.words, name="words"),
    path("language/", set_language, name="set_language"),
    path("export.csv", views.export_csv, name="export-csv"),
    path("export.xlsx", views.export_excel, name="export-excel"),
    path("wall/<str:token>/", views.wall_page, name="wall"),
    path("wall/<str:token>/state", views.wall_state, name="wall-state"),
    path("dpd/", include((dash_patterns, dash_app_name))),
]
