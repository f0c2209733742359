"""A moment that is picked by the clocks of a place."""

from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError

from devices.moment_field import LocalMomentField


@pytest.fixture
def field() -> LocalMomentField:
    field = LocalMomentField()
    field.zone = "Europe/Berlin"
    return field


def test_it_is_a_moment_of_the_places_clocks(field: LocalMomentField) -> None:
    assert field.clean("2026-07-01T12:00") == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert field.prepare_value(datetime(2026, 7, 1, 10, tzinfo=UTC)) == "2026-07-01T12:00"


@pytest.mark.parametrize("twice_or_never", ["2026-10-25T02:30", "2026-03-29T02:30"])
def test_a_moment_that_the_clocks_show_twice_or_never_is_refused(field: LocalMomentField, twice_or_never: str) -> None:
    with pytest.raises(ValidationError, match="ambiguous"):
        field.clean(twice_or_never)


def test_with_its_offset_each_of_the_two_can_be_meant(field: LocalMomentField) -> None:
    assert field.clean("2026-10-25T02:30+01:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("year", ["0001", "1970", "2199", "9999"])
def test_years_beyond_ours_are_refused(field: LocalMomentField, year: str) -> None:
    with pytest.raises(ValidationError, match="between 1971 and 2198"):
        field.clean(f"{year}-06-01T00:00")
