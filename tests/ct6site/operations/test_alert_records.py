"""What becomes of alerts that are over."""

from datetime import UTC, datetime, timedelta

import pytest

from ct6site.models import Alert
from ct6site.operations import alert_records
from ct6site.tasks import forget_old_alerts

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


def ended(days_ago: float | None, now: datetime = NOON) -> Alert:
    long_ago = now - timedelta(days=900)
    end = None if days_ago is None else now - timedelta(days=days_ago)
    return Alert.objects.create(part="collector", since=long_ago, opened=long_ago, ended=end)


def test_alerts_that_ended_400_days_ago_go_and_open_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_records, "_A_STEP", 2)
    for _ in range(5):
        ended(401)
    kept = [ended(399), ended(None)]
    assert alert_records.forget_old(NOON) == 5
    assert set(Alert.objects.all()) == set(kept)


def test_they_go_every_night() -> None:
    ended(401, datetime.now(UTC))
    forget_old_alerts()
    assert not Alert.objects.exists()
