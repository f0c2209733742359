"""What the admin calls models and fields: English as Django derives it, German from the catalogues."""

import pytest
from django.contrib import admin
from django.core.management import call_command
from django.db.models import Model
from django.test import Client
from django.utils import timezone
from django.utils.translation import override
from django.utils.translation.trans_real import translation

from ct6site.derived_names import OUR_APPS
from ct6site.models import ApiToken, User
from devices.models import ConfigChange, Device
from readings import heartbeats


def models_of_the_admin() -> list[type[Model]]:
    """Those with pages of their own, and those on the pages of others."""
    found = {
        model: None
        for registered, page in admin.site._registry.items()
        for model in (registered, *(inline.model for inline in page.inlines))
    }
    return [model for model in found if model._meta.app_label in OUR_APPS]


def names_of(model: type[Model]) -> set[str]:
    """The texts that are looked up: English is the language they are written in."""
    meta = model._meta
    shown = [field.verbose_name for field in meta.local_fields if field.editable or not field.null]
    with override("en-gb"):
        return {str(name) for name in (meta.verbose_name, meta.verbose_name_plural, *shown)}


@pytest.mark.parametrize("model", models_of_the_admin(), ids=lambda model: model._meta.label)
def test_all_names_of_the_admin_are_in_a_catalogue(model: type[Model]) -> None:
    catalogue = translation("de")._catalog  # type: ignore[attr-defined]  # "Name" is the German of "name": ask for keys
    assert {name for name in names_of(model) if name not in catalogue} <= {"ID", "SHA-256", "digest"}


def test_derived_names_are_those_of_the_code_in_english() -> None:
    with override("en-gb"):
        assert str(Device._meta.verbose_name_plural) == "devices"
        assert str(Device._meta.get_field("first_seen").verbose_name) == "first seen"


def test_names_follow_the_reader() -> None:
    with override("de"):
        assert str(Device._meta.verbose_name_plural) == "Geräte"
        assert str(ConfigChange._meta.get_field("wished").verbose_name) == "gewünscht"
        assert str(ApiToken._meta.verbose_name) == "API-Token"


@pytest.mark.django_db
def test_names_make_no_migrations() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("page", "texts"),
    [
        ("/admin/", ["Zugang", "Gruppen und ihre Geräte", "CT6-Energiezähler"]),
        ("/admin/ct6site/apitoken/", ["API-Token", "zuletzt benutzt", "Suchbegriff", "Umfang"]),
        ("/admin/ct6site/apitoken/add/", ["Leer: unbegrenzt.", "lesen und Einstellungen ändern"]),
        ("/admin/readings/heartbeat/", ["Lebenszeichen", "Einzelheiten"]),
    ],
)
def test_a_german_reader_gets_german(client: Client, page: str, texts: list[str]) -> None:
    boss = User.objects.create_superuser("boss")
    ApiToken.make(boss)
    heartbeats.note("collector", timezone.now())
    client.force_login(boss)
    html = client.get(page, headers={"Accept-Language": "de"}).content.decode()
    assert [text for text in texts if text.casefold() not in html.casefold()] == []
