from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0005_audit_log"),
    ]

    operations = [
        migrations.AddField(
            model_name="configchange",
            name="before_known",
            field=models.BooleanField(
                default=True, editable=False, help_text="Off until the unit has told what it held before."
            ),
        ),
        migrations.AddField(
            model_name="configchange",
            name="secret",
            field=models.TextField(
                blank=True,
                editable=False,
                help_text="A wished password, encrypted, until the unit has taken or refused it.",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="settings_held",
            field=models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="Every setting as the unit last told over HTTP; passwords are hidden.",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="status",
            field=models.JSONField(
                blank=True,
                default=dict,
                editable=False,
                help_text="Memory, flash, uptime and restarts, as last asked for.",
            ),
        ),
        migrations.AddField(
            model_name="device",
            name="status_at",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="before",
            field=models.CharField(blank=True, max_length=256, verbose_name="before"),
        ),
        migrations.AlterField(
            model_name="configchange",
            name="wished",
            field=models.CharField(
                blank=True, help_text="Decoded, as people read it.", max_length=256, verbose_name="wished"
            ),
        ),
    ]
