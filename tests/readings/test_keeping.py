"""For how long what a unit measured is kept: what can be set, and what is noted of it."""

import pytest

from devices.models import AuditEntry, Device
from readings import keeping
from readings.keeping import NotKept
from readings.retention_models import Retention
from tests.factories import make_device
from tests.people import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def device() -> Device:
    return make_device()


def test_without_a_word_all_is_kept_for_ever(device: Device) -> None:
    rule = keeping.rule_of(device)
    assert (rule.seconds_days, rule.minutes_years) == (None, None)
    assert not Retention.objects.exists()


def test_it_is_set_and_in_the_audit_log(device: Device) -> None:
    user = make_user("anna", staff=True)
    keeping.keep(device, 90, 5, who=user)
    rule = Retention.objects.get()
    assert (rule.device, rule.seconds_days, rule.minutes_years, rule.changed_by) == (device, 90, 5, user)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.device, entry.who) == ("retention", device, user)
    assert entry.after == {"seconds_days": 90, "minutes_years": 5}


def test_the_same_again_is_no_change(device: Device) -> None:
    keeping.keep(device, 90, None, who=None)
    keeping.keep(device, 90, None, who=None)
    assert AuditEntry.objects.count() == 1


def test_a_change_leaves_the_marks_and_is_looked_at_the_next_night(device: Device) -> None:
    keeping.keep(device, 90, None, who=None)
    Retention.objects.update(readings_gone_ms=5, minutes_gone_ms=3, minutes_done_ms=2, looked_at="2026-05-01T00:00Z")
    keeping.keep(device, None, None, who=None)
    rule = Retention.objects.get()
    assert (rule.readings_gone_ms, rule.minutes_gone_ms, rule.minutes_done_ms) == (5, 3, 2)
    assert rule.looked_at is None


@pytest.mark.parametrize(
    ("days", "years", "reason"),
    [
        (1, None, "2 to 36500 days"),
        (36_501, None, "2 to 36500 days"),
        (30, 0, "1 to 100 years"),
        (30, 101, "1 to 100 years"),
        (None, 2, "shorter than the seconds"),
        (366, 1, "shorter than the seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(device: Device, days: int | None, years: int | None, reason: str) -> None:
    for verb in (lambda: keeping.keep(device, days, years, who=None), lambda: keeping.foresee(device, days, years)):
        with pytest.raises(NotKept, match=reason):
            verb()
    assert not Retention.objects.exists()
