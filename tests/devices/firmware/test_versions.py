"""Versions are compared as the two numbers that they are."""

from devices.firmware.versions import has_old_gains, in_order

IN_ORDER = [
    "unknown",
    "0.9",
    "1.10",
    "2.6",
    "2.60",
    "2.67",
    "2.7",
    "2.79",
    "2.8",
    "2.9",
    "2.10",
    "3.1",
    "3.2",
    "3.10",
    "10.0",
]


def test_versions_follow_one_another() -> None:
    """2.6 and 2.60 are the same one, counted in two ways."""
    assert sorted(IN_ORDER, key=in_order) == IN_ORDER
    assert len({in_order(version) for version in IN_ORDER}) == len(IN_ORDER) - 1


def test_ten_comes_after_two() -> None:
    assert in_order("3.10") > in_order("3.2")
    assert max(["3.9", "3.10", "3.2"], key=in_order) == "3.10"


def test_only_versions_before_2_8_have_old_gains() -> None:
    assert [version for version in IN_ORDER if not has_old_gains(version)] == IN_ORDER[IN_ORDER.index("2.8") :]
