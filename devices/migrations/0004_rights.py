from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("devices", "0003_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="devicegrant",
            name="adopt",
            field=models.BooleanField(
                default=False, help_text="Decide whether its readings are stored.", verbose_name="may adopt"
            ),
        ),
        migrations.AddField(
            model_name="devicegrant",
            name="calibrate",
            field=models.BooleanField(default=False, verbose_name="may calibrate"),
        ),
        migrations.AddField(
            model_name="devicegrant",
            name="configure",
            field=models.BooleanField(
                default=False, help_text="Change the unit's settings.", verbose_name="may configure"
            ),
        ),
        migrations.AddField(
            model_name="devicegrant",
            name="files",
            field=models.BooleanField(
                default=False, help_text="See and change files on the unit.", verbose_name="may handle files"
            ),
        ),
        migrations.AddField(
            model_name="devicegrant",
            name="operate",
            field=models.BooleanField(default=False, help_text="Restart and upgrade it.", verbose_name="may operate"),
        ),
    ]
