"""manage.py mark_bad: a span of a port is marked, listed and lifted at the terminal."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from devices.models import AuditEntry, Device
from readings.models import BadSpan
from readings.periods import HOUR_MS, parse_time
from tests.factories import make_device
from tests.people import make_user
from tests.readings.bulk import steady, store

pytestmark = pytest.mark.django_db

NOON = parse_time("2026-03-10T12:00:00+00:00")
SPAN = ("--start", "2026-03-10T12:00:30Z", "--end", "2026-03-10T12:29:30Z")


@pytest.fixture
def house(db: None) -> Device:
    device = make_device(name="House", ports=["Grid", "Solar"])
    store(device, steady(NOON, NOON + HOUR_MS, 10_000, -10_000, 20_000))
    return device


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("mark_bad", *map(str, arguments), stdout=out)
    return out.getvalue()


def test_a_span_is_marked_and_told_with_its_whole_minutes(house: Device) -> None:
    make_user("sam")
    told = run("House", "CT1", *SPAN, "--reason", "clamp open", "--as", "sam")
    span = BadSpan.objects.get()
    assert told == (
        f"{span.pk}: CT1 is bad from 2026-03-10T12:00:00+00:00 to 2026-03-10T12:30:00+00:00 (whole minutes): "
        "0.500 kWh of import and 0.000 kWh of export are left out.\n"
    )
    assert (span.port.number, span.reason, str(span.marked_by)) == (1, "clamp open", "sam")


def test_without_an_end_it_is_bad_until_now(house: Device) -> None:
    run("House", "2", "--start", "2026-03-10T12:00:00Z", "--reason", "r")
    assert BadSpan.objects.get().end_ms > NOON + HOUR_MS
    assert AuditEntry.objects.get().who_name.endswith("(command line)")


def test_spans_are_listed_and_lifted_by_their_id(house: Device) -> None:
    run("House", "1", *SPAN, "--reason", "loose")
    run("House", "2", *SPAN, "--reason", "open")
    assert [line.split(" (")[0] for line in run("House", "--list").splitlines()] == [
        f"{span.pk}: CT{span.port.number} from 2026-03-10T12:00:00+00:00 to 2026-03-10T12:30:00+00:00: {span.reason}"
        for span in BadSpan.objects.order_by("-pk")
    ]
    span = BadSpan.objects.get(reason="loose")
    assert run("House", "--lift", span.pk) == f"{span.pk}: what was measured in it counts again.\n"
    assert "; lifted 20" in run("House", "1")
    assert "lifted" not in run("House", "2")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Barn",), "There is no unit"),
        (("House", "9", *SPAN, "--reason", "r"), "House has no port '9'"),
        (("House", "Grid", *SPAN, "--reason", "r"), "House has no port 'Grid'"),
        (("House", *SPAN, "--reason", "r"), "Say which port"),
        (("House", "1", *SPAN), "say why"),
        (("House", "1", "--reason", "r"), "--start is missing"),
        (("House", "1", "--start", "soon", "--reason", "r"), "is no ISO 8601 time"),
        (("House", "1", "--start", "2026-03-10T12:00:00", "--reason", "r"), "has no offset"),
        (("House", "1", *SPAN[2:], "--start", "2026-03-10T13:00:00Z", "--reason", "r"), "before the end"),
        (("House", "--lift", "4711"), "4711 is no bad span of House"),
        (("House", "--lift", "1", *SPAN), "--lift takes the id alone"),
        (("House", "1", *SPAN, "--reason", "r", "--as", "nobody"), "There is no user 'nobody'"),
    ],
)
def test_what_cannot_be_done_is_said(house: Device, arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(CommandError, match=says):
        run(*arguments)
    assert not BadSpan.objects.exists()
