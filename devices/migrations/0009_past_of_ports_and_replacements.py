import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("devices", "0008_factory_configs_and_calibrations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="port",
            name="has_past",
            field=models.BooleanField(
                default=False,
                editable=False,
                help_text="Whether it was something else before a moment; so that other ports need no look.",
                verbose_name="has a past",
            ),
        ),
        migrations.AddField(
            model_name="port",
            name="scale",
            field=models.DecimalField(
                decimal_places=5,
                default=1,
                help_text="For odd clamps: what is measured is multiplied by this when it is read.",
                max_digits=9,
                verbose_name="scale",
            ),
        ),
        migrations.CreateModel(
            name="Replacement",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("former_assy", models.CharField(max_length=64, verbose_name="former assembly label")),
                ("new_assy", models.CharField(max_length=64, verbose_name="new assembly label")),
                (
                    "at_ms",
                    models.BigIntegerField(help_text="Epoch ms; what the new unit measured from then on belongs here."),
                ),
                ("made", models.DateTimeField(auto_now_add=True)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="replacements", to="devices.device"
                    ),
                ),
                (
                    "moving_from",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        help_text="What the new unit measured is still being moved from here; empty once that is done.",
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="devices.device",
                    ),
                ),
                (
                    "who",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "ordering": ["-made"],
            },
        ),
        migrations.CreateModel(
            name="PortPast",
            fields=[
                ("id", models.AutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "until_ms",
                    models.BigIntegerField(help_text="Epoch ms; a whole UTC hour. Holds for what was measured before."),
                ),
                ("name", models.CharField(blank=True, max_length=64, verbose_name="name")),
                (
                    "role",
                    models.CharField(
                        choices=[
                            ("grid", "grid"),
                            ("solar", "solar"),
                            ("battery", "battery"),
                            ("load", "load"),
                            ("ev", "EV charger"),
                            ("other", "other"),
                        ],
                        max_length=16,
                        verbose_name="role",
                    ),
                ),
                ("reversed", models.BooleanField(verbose_name="reversed")),
                ("scale", models.DecimalField(decimal_places=5, max_digits=9, verbose_name="scale")),
                (
                    "port",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="past", to="devices.port"
                    ),
                ),
            ],
            options={
                "ordering": ["port", "until_ms"],
                "constraints": [models.UniqueConstraint(fields=("port", "until_ms"), name="port_past_once_per_moment")],
            },
        ),
    ]
