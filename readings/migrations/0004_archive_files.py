import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0011_names_of_who_asked"),
        ("readings", "0003_bad_spans"),
    ]

    operations = [
        migrations.CreateModel(
            name="ArchiveHold",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start_ms", models.BigIntegerField()),
                ("end_ms", models.BigIntegerField()),
                ("until", models.DateTimeField()),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="devices.device",
                    ),
                ),
            ],
            options={
                "verbose_name": "restored span",
                "verbose_name_plural": "restored spans",
            },
        ),
        migrations.CreateModel(
            name="ArchiveFile",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=20)),
                ("start_ms", models.BigIntegerField(help_text="Start of the hour or UTC day, epoch ms.")),
                ("end_ms", models.BigIntegerField()),
                ("path", models.CharField(help_text="Below the archive's root.", max_length=200, unique=True)),
                ("rows", models.IntegerField()),
                ("bytes", models.IntegerField()),
                ("sha256", models.CharField(max_length=64)),
                ("begins_ms", models.BigIntegerField(help_text="Where the first window begins.")),
                (
                    "first_ms",
                    models.BigIntegerField(help_text="The earliest reading's time in it."),
                ),
                ("last_ms", models.BigIntegerField()),
                ("written_at", models.DateTimeField()),
                (
                    "device",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="devices.device",
                    ),
                ),
            ],
            options={
                "verbose_name": "archive file",
                "verbose_name_plural": "archive files",
                "indexes": [models.Index(fields=["kind", "device", "start_ms"], name="archive_kind_device_start")],
            },
        ),
    ]
