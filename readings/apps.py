from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReadingsConfig(AppConfig):
    name = "readings"
    verbose_name = _("Readings")
    unit_pages = "readings.unit_pages.PAGES"  # given to the admin of units
