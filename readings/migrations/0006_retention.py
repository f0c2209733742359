import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0011_names_of_who_asked"),
        ("readings", "0005_import_sources"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Retention",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("seconds_days", models.PositiveIntegerField(null=True)),
                ("minutes_years", models.PositiveIntegerField(null=True)),
                (
                    "readings_gone_ms",
                    models.BigIntegerField(default=0, help_text="Readings from before it are gone; epoch ms."),
                ),
                (
                    "minutes_gone_ms",
                    models.BigIntegerField(default=0, help_text="Minutes from before it are gone; epoch ms."),
                ),
                (
                    "minutes_done_ms",
                    models.BigIntegerField(default=0, help_text="Minutes that go have gone before it; epoch ms."),
                ),
                (
                    "looked_at",
                    models.DateTimeField(
                        help_text="When all that was due had gone; null: not since the change.", null=True
                    ),
                ),
                ("changed_at", models.DateTimeField()),
                (
                    "changed_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="changed by",
                    ),
                ),
                (
                    "device",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="retention", to="devices.device"
                    ),
                ),
            ],
            options={
                "verbose_name": "retention",
                "verbose_name_plural": "retentions",
            },
        ),
    ]
