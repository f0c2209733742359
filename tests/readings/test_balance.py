"""Where energy came from and where it went, to the last unit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from readings.balance import Balance, Flows, balance_of, flows_of, uses_of
from readings.history import PortEnergy
from readings.periods import HOUR_MS
from readings.quantities import ENERGY_PER_KWH as KWH

GRID, SOLAR, BATTERY, HEATER, CAR, SPARE = 1, 2, 3, 4, 5, 6
ROLES = {GRID: "grid", SOLAR: "solar", BATTERY: "battery", HEATER: "load", CAR: "ev", SPARE: "other"}


def hour(port: int, imported: int = 0, exported: int = 0, *, start: int = 0, measured: bool = True) -> PortEnergy:
    return PortEnergy(
        port_id=port, start_ms=start * HOUR_MS, end_ms=(start + 1) * HOUR_MS, import_energy=imported,
        export_energy=exported, covered_ms=HOUR_MS if measured else 0, recovered_ms=0, missing_ms=0,
    )  # fmt: skip


# --- The sums ----------------------------------------------------------------------------------------------------
def test_home_is_what_came_minus_what_left() -> None:
    balance = balance_of(ROLES, [hour(GRID, 300, 40), hour(SOLAR, 5, 200), hour(BATTERY, 60, 70)])
    assert (balance.imported, balance.exported) == (300, 40)
    assert balance.solar == 200, "what the inverter draws for itself is the home's"
    assert (balance.battery_out, balance.battery_in) == (70, 60)
    assert balance.home == 300 + 200 + 70 - 40 - 60


def test_ports_of_one_role_add_up() -> None:
    roles = {1: "grid", 2: "grid", 3: "grid"}
    balance = balance_of(roles, [hour(1, 10), hour(2, 20), hour(3, 0, 5)])
    assert (balance.imported, balance.exported, balance.home) == (30, 5, 25)


def test_loads_and_ports_without_a_part_do_not_count() -> None:
    assert balance_of(ROLES, [hour(GRID, 10), hour(HEATER, 7), hour(SPARE, 9, 9)]).home == 10
    assert balance_of({GRID: "grid"}, [hour(GRID, 10), hour(99, 7)]).imported == 10


@pytest.mark.parametrize("port", [SOLAR, BATTERY, HEATER])
def test_without_a_grid_port_the_home_is_not_known(port: int) -> None:
    balance = balance_of(ROLES, [hour(port, 10, 10)])
    assert (balance.home, balance.self_sufficiency, balance.self_consumption) == (None, None, None)
    assert balance.flows == Flows()


def test_a_port_that_measured_nothing_is_not_known_and_no_zero() -> None:
    balance = balance_of(ROLES, [hour(GRID, 10), hour(SOLAR, measured=False)])
    assert balance.solar is None
    assert balance_of(ROLES, [hour(GRID, measured=False)]).imported is None


# --- The shares --------------------------------------------------------------------------------------------------
def test_the_shares_of_a_home_with_solar() -> None:
    balance = balance_of(ROLES, [hour(GRID, 6 * KWH, 1 * KWH), hour(SOLAR, 0, 4 * KWH)])
    assert balance.home == 9 * KWH
    assert balance.self_sufficiency == pytest.approx(1 - 6 / 9)
    assert balance.self_consumption == pytest.approx((4 - 1) / 4)


def test_what_charged_the_battery_from_the_grid_cannot_make_sufficiency_negative() -> None:
    balance = balance_of(ROLES, [hour(GRID, 10 * KWH), hour(BATTERY, 8 * KWH)])
    assert balance.home == 2 * KWH
    assert balance.self_sufficiency == 0.0


def test_without_import_the_home_is_self_sufficient() -> None:
    assert balance_of(ROLES, [hour(GRID, 0, 1), hour(SOLAR, 0, 3)]).self_sufficiency == 1.0


def test_shares_are_not_known_where_there_is_nothing_to_divide_by() -> None:
    night = balance_of(ROLES, [hour(GRID, 0), hour(SOLAR, 0)])
    assert (night.self_sufficiency, night.self_consumption) == (None, None)
    backwards = balance_of(ROLES, [hour(GRID, 0, 5), hour(SOLAR, 0, 3)])
    assert backwards.home == -2
    assert backwards.self_sufficiency is None


def test_without_a_source_of_its_own_the_shares_are_not_known() -> None:
    balance = balance_of(ROLES, [hour(GRID, 10)])
    assert (balance.self_sufficiency, balance.self_consumption) == (None, None)


def test_a_battery_that_exports_at_night_does_not_lower_self_consumption() -> None:
    """Over the whole day 3 were exported and 5 made, but none of the export was solar."""
    day = [hour(GRID, start=12), hour(SOLAR, 0, 5, start=12), hour(BATTERY, 4, 0, start=12)]
    night = [hour(GRID, 0, 3, start=22), hour(SOLAR, start=22), hour(BATTERY, 0, 4, start=22)]
    balance = balance_of(ROLES, [*day, *night])
    assert balance.self_consumption == 1.0
    assert balance.flows == Flows(solar_to_home=1, solar_to_battery=4, battery_to_grid=3, battery_to_home=1)


def test_the_order_of_the_energies_does_not_matter() -> None:
    rows = [hour(port, 3 * start, 7 * port, start=start) for port in (SOLAR, GRID, BATTERY) for start in (2, 0, 1)]
    assert balance_of(ROLES, rows) == balance_of(ROLES, rows[::-1])


# --- Which source fed what ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("amounts", "flows"),
    [
        ((5, 0, 0, 0, 0), Flows(grid_to_home=5)),
        ((0, 0, 5, 0, 0), Flows(solar_to_home=5)),
        ((0, 3, 5, 0, 0), Flows(solar_to_home=2, solar_to_grid=3)),
        ((0, 0, 5, 0, 3), Flows(solar_to_home=2, solar_to_battery=3)),
        ((0, 0, 0, 5, 0), Flows(battery_to_home=5)),
        ((0, 5, 0, 5, 0), Flows(battery_to_grid=5)),
        ((5, 0, 0, 0, 3), Flows(grid_to_home=2, grid_to_battery=3)),
        ((5, 0, 5, 0, 5), Flows(grid_to_home=5, solar_to_battery=5)),
        ((8, 0, 2, 0, 6), Flows(grid_to_home=4, grid_to_battery=4, solar_to_battery=2)),
        ((2, 2, 6, 2, 2), Flows(2, 2, 2, 2, 0, 2, 0)),
    ],
    ids=[
        "grid to home", "solar to home", "solar shared with the grid", "solar shared with the battery",
        "battery to home", "battery to grid", "grid to home and battery", "solar charges, the grid feeds the home",
        "import beyond the home charges", "all at once",
    ],
)  # fmt: skip
def test_who_fed_whom(amounts: tuple[int, int, int, int, int], flows: Flows) -> None:
    assert flows_of(*amounts) == flows


@given(st.tuples(*[st.integers(0, 10**15)] * 5))
def test_nothing_is_fed_twice_and_the_home_gets_all_it_used(amounts: tuple[int, ...]) -> None:
    imported, exported, solar, battery_out, battery_in = amounts
    flows = flows_of(imported, exported, solar, battery_out, battery_in)
    home = max(imported + solar + battery_out - exported - battery_in, 0)
    assert flows.solar_to_home + flows.solar_to_battery + flows.solar_to_grid <= solar
    assert flows.battery_to_home + flows.battery_to_grid <= battery_out
    assert flows.grid_to_home + flows.grid_to_battery <= imported
    assert flows.solar_to_battery + flows.grid_to_battery <= battery_in
    assert flows.solar_to_grid + flows.battery_to_grid <= exported
    if imported + solar + battery_out >= exported + battery_in:
        assert flows.solar_to_home + flows.battery_to_home + flows.grid_to_home == home


@given(st.tuples(*[st.integers(0, 10**15)] * 5))
def test_shares_stay_between_nothing_and_all(amounts: tuple[int, ...]) -> None:
    imported, exported, solar, battery_out, battery_in = amounts
    balance = Balance(imported, exported, solar, battery_out, battery_in, flows_of(*amounts))
    for share in (balance.self_sufficiency, balance.self_consumption):
        assert share is None or 0 <= share <= 1


# --- Loads -------------------------------------------------------------------------------------------------------
def test_loads_and_chargers_use_what_they_import() -> None:
    rows = [hour(HEATER, 5, 1), hour(HEATER, 6, start=1), hour(CAR, 7), hour(GRID, 100), hour(SPARE, 9)]
    assert uses_of(ROLES, rows) == {HEATER: 11, CAR: 7}


def test_a_load_that_measured_nothing_is_left_out() -> None:
    assert uses_of(ROLES, [hour(HEATER, measured=False)]) == {}
