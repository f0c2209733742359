"""How far the import of other applications' databases is, and what became of their rows."""

from django.db import models

from devices.models import Device


class ImportSource(models.Model):
    """One database of ct6_db_store or ct6_app: what was read of its table of seconds, and into which device.

    It is written in the transaction that stores the readings, so an import that is stopped anywhere goes on from there.
    """

    origin = models.CharField(max_length=64, help_text="The server, without a password, or the word file.")
    name = models.CharField(max_length=500, help_text="The database's name there, or the file's path.")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="+")
    zone = models.CharField(max_length=64, help_text="The time zone that its local times were read in.")
    period_ms = models.IntegerField(help_text="How long it mostly is from one row to the next.")
    position = models.BigIntegerField(default=0, help_text="The last row that was read.")
    placed_position = models.BigIntegerField(default=0, help_text="The last row with a time.")
    placed_shown = models.CharField(max_length=40, blank=True, help_text="That row's time as it stands there.")
    placed_ms = models.BigIntegerField(null=True, help_text="That row's time, epoch ms.")
    started_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, help_text="When all its rows had been read; null: not yet.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["origin", "name"], name="import_source_once")]

    def __str__(self) -> str:
        return f"{self.name} ({self.origin})"


class ImportedDay(models.Model):
    """What became of the rows of one local day of a source."""

    source = models.ForeignKey(ImportSource, on_delete=models.CASCADE, related_name="days")
    day = models.DateField(null=True, help_text="Null: rows without a readable time.")
    read = models.IntegerField(default=0)
    stored = models.IntegerField(default=0)
    skipped = models.JSONField(default=dict, help_text="Rows by why they were left out.")
    notes = models.JSONField(default=dict, help_text="Rows by what is odd about them, though they were stored.")

    class Meta:
        ordering = ["source", "day"]
        constraints = [models.UniqueConstraint(fields=["source", "day"], name="imported_day_once")]

    def __str__(self) -> str:
        return f"{self.day} of {self.source_id}"
