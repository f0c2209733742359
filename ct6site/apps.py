from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _

from ct6site import derived_names


class SiteConfig(AppConfig):
    name = "ct6site"
    verbose_name = _("Site")

    def ready(self) -> None:
        derived_names.translate()
