"""What the site itself does by Celery's schedule."""

from celery import shared_task
from django.utils import timezone

from ct6site.operations import alert_records


@shared_task
def forget_old_alerts() -> None:
    alert_records.forget_old(timezone.now())
