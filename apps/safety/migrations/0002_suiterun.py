from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("safety", "0001_calibration")]

    operations = [
        migrations.CreateModel(
            name="SuiteRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by", models.CharField(max_length=160)),
                ("backbone", models.CharField(blank=True, max_length=80)),
                ("model", models.CharField(blank=True, max_length=200)),
                ("adapter", models.CharField(blank=True, max_length=200)),
                ("prompt", models.CharField(blank=True, max_length=60)),
                ("guard", models.CharField(max_length=80)),
                ("rules", models.CharField(max_length=80)),
                ("index", models.CharField(blank=True, max_length=120)),
                ("sets", models.JSONField(default=dict)),
                ("figures", models.JSONField(default=dict)),
                ("lowered", models.JSONField(default=list)),
            ],
            options={
                "ordering": ["-created_at", "-id"],
                "indexes": [models.Index(fields=["backbone", "model", "adapter"], name="suiterun_version")],
            },
        ),
    ]
