"""How the scripts and styles of the pages are found, and how they get names that can be cached for ever."""

from collections.abc import Iterable
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder
from django_plotly_dash.finders import DashComponentFinder as _DashComponentFinder
from whitenoise.storage import CompressedManifestStaticFilesStorage

# What the packages ship and no page of ours asks for. Compressing it would take most of the time of `collectstatic`.
NOT_SERVED = ["*.map", "*.txt", "*.md", "rest_framework", "redoc", "gis", "xregexp.js"]
NOT_SERVED_OF_DASH = [
    "*.map",
    "*.dev.js",
    "*.json",
    "react*.[0-9].js",
    "prop-types*.[0-9].js",
    "async-mathjax.js",
    "async-export.js",
    "async-highlight.js",
    "async-RichTextEditor.js",
    "commons.js",
    "widgetbundle.js",
    "datasets",
    "templates",
]


class AppFinder(AppDirectoriesFinder):
    """The ``static`` folders of the apps."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Any:
        return super().list([*(ignore_patterns or []), *NOT_SERVED])


class DashComponentFinder(_DashComponentFinder):  # type: ignore[misc]
    """The browser's part of the Dash packages. Takes the None that whitenoise passes, which the base cannot."""

    def list(self, ignore_patterns: Iterable[str] | None) -> Any:
        return super().list([*(ignore_patterns or []), *NOT_SERVED_OF_DASH])


class HashedStaticFiles(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    """Names with a hash of the content, as far as ``collectstatic`` made them; plain names for everything else.

    Dash asks for its own files by their plain names, so both are kept.
    """

    manifest_strict = False
    # Styles name the files that they need; beside those only source maps are named, and they are not served.
    patterns = tuple(
        (extension, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for extension, rules in CompressedManifestStaticFilesStorage.patterns
        if extension == "*.css"
    )

    def stored_name(self, name: str) -> str:
        clean = self.clean_name(name)
        hashed: str = self.hashed_files.get(self.hash_key(clean), clean)
        return hashed
