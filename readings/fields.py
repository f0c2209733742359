from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from readings.quantities import Quantity

if TYPE_CHECKING:
    _IntegerField = models.IntegerField[Any, Any]
else:
    _IntegerField = models.IntegerField


class FixedPointField(_IntegerField):
    """A quantity kept as an exact integer of ``1 / scale`` units and shown to Python as a number in its unit.

    ``field__fixed`` names the stored integer itself, in ``values_list``, filters, ``F()`` and aggregates.
    """

    def __init__(self, unit: str, scale: int, **options: Any) -> None:
        self.unit = unit
        self.scale = scale
        options.setdefault("null", True)
        options.setdefault("help_text", f"in {unit}" if unit else "a ratio")
        super().__init__(**options)

    def deconstruct(self) -> Any:
        name, path, args, options = super().deconstruct()
        return name, path, [self.unit, self.scale, *args], options

    def from_db_value(self, value: int | None, expression: Any, connection: BaseDatabaseWrapper) -> float | None:
        return None if value is None else value / self.scale

    def get_prep_value(self, value: Any) -> Any:
        return None if value is None else round(value * self.scale)

    def to_python(self, value: Any) -> Any:
        return None if value is None else float(value)


@FixedPointField.register_lookup
class Fixed(models.Transform):
    """The stored integer of a fixed-point field."""

    lookup_name = "fixed"
    output_field = models.IntegerField()

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **context: Any) -> Any:
        return compiler.compile(self.lhs)


def fixed_point(quantity: Quantity, **options: Any) -> FixedPointField:
    """The column of a quantity."""
    return FixedPointField(quantity.unit, quantity.scale, verbose_name=quantity.label.lower(), **options)
