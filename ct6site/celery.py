import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ct6site.settings")

app = Celery("ct6")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
