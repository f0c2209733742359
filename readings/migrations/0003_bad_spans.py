import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0011_names_of_who_asked"),
        ("readings", "0002_day_zone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="BadSpan",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("start_ms", models.BigIntegerField(help_text="Epoch ms; a whole minute.")),
                ("end_ms", models.BigIntegerField(help_text="Epoch ms; a whole minute, the first that is good again.")),
                ("until_ms", models.BigIntegerField(editable=False, help_text="Epoch ms; what lies behind it counts.")),
                ("reason", models.CharField(max_length=200, verbose_name="reason")),
                ("marked_at", models.DateTimeField(verbose_name="marked at")),
                ("lifted_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="lifted at")),
                (
                    "lifted_by",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="lifted by",
                    ),
                ),
                (
                    "marked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="marked by",
                    ),
                ),
                (
                    "port",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="bad_spans",
                        to="devices.port",
                        verbose_name="port",
                    ),
                ),
            ],
            options={
                "verbose_name": "bad span",
                "verbose_name_plural": "bad spans",
                "ordering": ["-start_ms", "-pk"],
                "indexes": [models.Index(fields=["port", "until_ms"], name="badspan_port_until")],
            },
        ),
    ]
