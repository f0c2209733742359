import os

from django.core.wsgi import get_wsgi_application

from ct6site import start

# gunicorn starts a process again and again unless it ends with this one.
GUNICORN_CANNOT_BOOT = 3

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ct6site.settings")

with start.in_a_sentence(status=GUNICORN_CANNOT_BOOT):
    application = get_wsgi_application()
