"""A process of the product on the database of DATABASE_URL that tells what it finds there, as JSON: ``asked.py TOKEN``.

``rows`` is every row of every table as the models see it; ``answers`` is what a login, the pages and the API say.
"""

import json
import sys
from typing import Any

import django


def main(token: str) -> None:
    django.setup()
    sys.stdout.write(json.dumps({"rows": _rows(), "answers": _answers(token)}))


def _rows() -> dict[str, list[str]]:
    from django.apps import apps  # noqa: PLC0415 - after django.setup

    found = {}
    for model in apps.get_models(include_auto_created=True):
        if model._meta.app_label in ("sessions", "django_celery_results"):
            continue
        names = [field.attname for field in model._meta.concrete_fields]
        rows = [json.dumps(row, default=_plain, sort_keys=True) for row in model._base_manager.values_list(*names)]
        found[model._meta.db_table] = sorted(rows)
    return found


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _answers(token: str) -> dict[str, Any]:
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.urls import reverse  # noqa: PLC0415

    from ct6site.models import AlertChannel  # noqa: PLC0415
    from devices.models import Device  # noqa: PLC0415
    from readings.periods import HOUR_MS, format_time  # noqa: PLC0415
    from tests.factories import ASSY  # noqa: PLC0415
    from tests.people import PASSWORD  # noqa: PLC0415
    from tests.readings.store.archive.stored import T0  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["testserver"]
    client = Client()
    login = client.post(reverse("login"), {"username": "anna", "password": PASSWORD}).status_code
    asked = {
        "start": format_time(T0),
        "end": format_time(T0 + 30 * HOUR_MS),
        "device": Device.objects.get(assy=ASSY).pk,
    }
    questions: list[tuple[str, dict[str, Any]]] = [
        ("devices", {}),
        ("series", {**asked, "field": "active_power", "resolution": "second"}),
        ("series", {**asked, "field": "current_rms", "resolution": "hour"}),
        ("energy", {**asked, "bucket": "day"}),
    ]
    answers = [
        client.get(f"/api/v1/{path}/", parameters, headers={"Authorization": f"Token {token}"})
        for path, parameters in questions
    ]
    return {
        "login": login,
        "page": client.get(reverse("dashboard")).status_code,
        "api": [(answer.status_code, answer.content.decode()) for answer in answers],
        "channel": [channel.address for channel in AlertChannel.objects.all()],
    }


if __name__ == "__main__":
    main(sys.argv[1])
