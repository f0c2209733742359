"""The catalogues are complete and up to date: what ``make messages`` would change is found here."""

import gettext
import os
import re
import shutil
import subprocess
import sys
from ast import literal_eval
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

from ct6site.derived_names import OUR_APPS

ROOT = Path(__file__).resolve().parent.parent
LIMIT_S = 120
LANGUAGES = [code for code, _ in settings.LANGUAGES if not code.startswith("en")]
NO_SOURCES = shutil.ignore_patterns("__pycache__", "locale", "migrations")
TEXT = re.compile(r'^(msg(?:id|str)\S*) ((?:".*"\n?)+)', re.M)
PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|\{\w*\}")

Catalogue = dict[str | tuple[str, int], str]


class Texts(NamedTuple):
    """The texts of an app in a language: those of its Python and pages, or those of its scripts."""

    app: str
    domain: str
    language: str

    @property
    def committed(self) -> Path:
        return self.below(ROOT / self.app)

    def below(self, folder: Path) -> Path:
        return folder / "locale" / self.language / "LC_MESSAGES" / f"{self.domain}.po"


ALL = [
    Texts(app, domain, language)
    for language in LANGUAGES
    for app in OUR_APPS
    for domain in ("django", "djangojs")
    if domain == "django" or (ROOT / app / "static").is_dir()
]
each = pytest.mark.parametrize("texts", ALL, ids="-".join)


def run(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    without_site = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        command, check=False, cwd=folder, env=without_site, capture_output=True, text=True, timeout=LIMIT_S
    )


def complaints_of(*command: str | Path, folder: Path = ROOT) -> str:
    done = run(*command, folder=folder)
    return done.stderr + (f"ended with {done.returncode}" if done.returncode else "")


def found_in_sources(texts: Texts, folder: Path) -> Path:
    """All texts that are marked in a copy of the app, none of them translated."""
    copy = folder / texts.app
    shutil.copytree(ROOT / texts.app, copy, ignore=NO_SOURCES)
    (copy / "locale").mkdir()
    options = ("-l", texts.language, "-d", texts.domain, "-v", "0", "--no-location", "--no-wrap", "--no-obsolete")
    assert complaints_of(sys.executable, "-P", "-m", "django", "makemessages", *options, folder=copy) == ""
    return texts.below(copy)


def catalogue_of(compiled: Path) -> Catalogue:
    with compiled.open("rb") as file:
        found: Catalogue = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return found


def compiled_anew(texts: Texts, folder: Path) -> Catalogue:
    compiled = folder / "anew.mo"
    assert complaints_of("msgfmt", "--check-format", "-o", compiled, texts.committed) == ""
    return catalogue_of(compiled)


def placeholders(text: str) -> list[str]:
    return sorted(PLACEHOLDER.findall(text))


def translations_of(catalogue: Path) -> Iterator[tuple[list[str], list[str]]]:
    """Of each entry the English texts (singular and plural), and the translated ones."""
    for entry in run("msgcat", "--no-wrap", catalogue).stdout.split("\n\n"):
        found = [(kind, "".join(map(literal_eval, lines.splitlines()))) for kind, lines in TEXT.findall(entry)]
        english = [text for kind, text in found if kind.startswith("msgid")]
        if english[0]:  # else it is the head of the file
            yield english, [text for kind, text in found if kind.startswith("msgstr")]


@each
def test_every_text_is_in_the_catalogue_and_translated(texts: Texts, tmp_path: Path) -> None:
    found = found_in_sources(texts, tmp_path)
    assert found.is_file() == texts.committed.is_file()
    if found.is_file():
        assert complaints_of("msgcmp", texts.committed, found) == ""


@each
def test_every_placeholder_is_in_the_translation(texts: Texts) -> None:
    """A plural may leave some out: in "The only day" there is no number."""
    if texts.committed.is_file():
        wrong = [
            (english, text)
            for english, translated in translations_of(texts.committed)
            for text in translated
            if placeholders(text) not in map(placeholders, english)
        ]
        assert wrong == []


@each
def test_the_compiled_catalogue_says_what_the_catalogue_says(texts: Texts, tmp_path: Path) -> None:
    if texts.committed.is_file():
        assert catalogue_of(texts.committed.with_suffix(".mo")) == compiled_anew(texts, tmp_path)


def test_each_app_has_a_catalogue() -> None:
    assert {texts.app for texts in ALL if texts.committed.is_file()} == set(OUR_APPS)
