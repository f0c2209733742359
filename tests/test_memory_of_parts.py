"""What takes much memory is loaded by those parts alone that need it."""

import os
import subprocess
import sys

import pytest

LOOK = "import django; django.setup(); import {}, sys; print('pyarrow' in sys.modules)"


@pytest.mark.parametrize("part", ["readings.collect.collector", "readings.history", "readings.tasks", "dashboard.urls"])
def test_the_library_of_the_archive_is_loaded_with_the_first_file_only(part: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOOK.format(part)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ct6site.settings"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert said.stdout.strip() == "False"


@pytest.mark.parametrize("command", ["collect_ct6", "watch_ct6"])
def test_what_shows_no_page_loads_nothing_that_only_pages_need(command: str) -> None:
    look = f"import sys; sys.argv = ['manage.py', '{command}']; import django; django.setup(); print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", look],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "ct6site.settings"},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert not {"dash", "plotly", "rest_framework", "unfold", "django.contrib.admin.sites"} & set(said.stdout.split())
