"""The names of models and fields that Django derives from the code, in the language of whoever reads them.

Each of them, named in its model, would make a migration that changes nothing in the database.
"""

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext_lazy, gettext_noop

OUR_APPS = ("ct6site", "devices", "readings", "dashboard")

# Those that the admin shows. An app may mark more of its own, anywhere, with gettext_noop.
NAMES = (
    # what there is
    gettext_noop("API tokens"),
    gettext_noop("device"),
    gettext_noop("devices"),
    gettext_noop("device grant"),
    gettext_noop("device grants"),
    gettext_noop("heartbeat"),
    gettext_noop("heartbeats"),
    gettext_noop("port"),
    gettext_noop("ports"),
    gettext_noop("setting changes"),
    gettext_noop("wall displays"),
    # of tokens, heartbeats and wall displays
    gettext_noop("at"),
    gettext_noop("created"),
    gettext_noop("detail"),
    gettext_noop("expires"),
    gettext_noop("last used"),
    gettext_noop("made"),
    gettext_noop("name"),
    gettext_noop("part"),
    gettext_noop("revoked"),
    gettext_noop("scope"),
    gettext_noop("user"),
    # of devices and ports
    gettext_noop("active"),
    gettext_noop("address"),
    gettext_noop("adoption"),
    gettext_noop("demo"),
    gettext_noop("device type"),
    gettext_noop("enabled"),
    gettext_noop("first seen"),
    gettext_noop("last answer"),
    gettext_noop("last seen"),
    gettext_noop("number"),
    gettext_noop("product"),
    gettext_noop("reversed"),
    gettext_noop("role"),
    gettext_noop("sensor type"),
    gettext_noop("settings held"),
    gettext_noop("status"),
    # of setting changes
    gettext_noop("answer"),
    gettext_noop("attempts"),
    gettext_noop("before"),
    gettext_noop("before known"),
    gettext_noop("key"),
    gettext_noop("next attempt"),
    gettext_noop("secret"),
    gettext_noop("settled"),
    gettext_noop("state"),
    gettext_noop("who"),
    gettext_noop("wished"),
)


def translate() -> None:
    """Let derived names of our apps be looked up in the catalogues, whenever one is shown."""
    for app in OUR_APPS:
        for model in apps.get_app_config(app).get_models():
            _translate_model(model)
            for field in (*model._meta.local_fields, *model._meta.local_many_to_many):
                if "verbose_name" not in field.deconstruct()[3]:
                    field.verbose_name = gettext_lazy(field.name.replace("_", " "))


def _translate_model(model: type[Model]) -> None:
    meta = model._meta
    one = meta.verbose_name_raw
    if "verbose_name" not in meta.original_attrs:
        meta.verbose_name = gettext_lazy(one)
    if "verbose_name_plural" not in meta.original_attrs:
        several = f"{one}s"
        meta.verbose_name_plural = gettext_lazy(several)
