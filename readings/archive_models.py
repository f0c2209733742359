"""What of the readings lies in files, and what shall not go there for a while."""

from django.db import models

from devices.models import Device


class ArchiveFile(models.Model):
    """A Parquet file that holds everything of one kind of a device in [start_ms, end_ms), but for what came late.

    A file without such a row does not count: the row is made in the transaction that deletes what the file holds.
    """

    device = models.ForeignKey(
        Device, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    kind = models.CharField(max_length=20)
    start_ms = models.BigIntegerField(help_text="Start of the hour or UTC day, epoch ms.")
    end_ms = models.BigIntegerField()
    path = models.CharField(max_length=200, unique=True, help_text="Below the archive's root.")
    rows = models.IntegerField()
    bytes = models.IntegerField()
    sha256 = models.CharField(max_length=64)
    begins_ms = models.BigIntegerField(help_text="Where the first window begins.")
    first_ms = models.BigIntegerField(help_text="The earliest reading's time in it.")
    last_ms = models.BigIntegerField()
    written_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "device", "start_ms"], name="archive_kind_device_start")]
        verbose_name = "archive file"
        verbose_name_plural = "archive files"

    def __str__(self) -> str:
        return self.path


class ArchiveHold(models.Model):
    """A span of a device that somebody restored, and until when it stays in the database."""

    device = models.ForeignKey(Device, on_delete=models.CASCADE, db_constraint=False, related_name="+")
    start_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    until = models.DateTimeField()

    class Meta:
        verbose_name = "restored span"
        verbose_name_plural = "restored spans"

    def __str__(self) -> str:
        return f"device {self.device_id} from {self.start_ms} to {self.end_ms}"
