import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from django.conf import settings

from ct6site import folder_broker, start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ct6site.settings")
# Who runs everything as root has decided so; twenty lines in the log at each start do not change it.
warnings.filterwarnings("ignore", category=SecurityWarning)

folder_broker.install()
app = Celery("ct6")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_configure.connect
def read_settings(**_details: object) -> None:
    """Wrong ones end a worker or the schedule in a sentence."""
    with start.in_a_sentence():
        _ = settings.INSTALLED_APPS
