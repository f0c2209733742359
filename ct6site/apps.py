from django.apps import AppConfig


class SiteConfig(AppConfig):
    name = "ct6site"
    verbose_name = "Site"
