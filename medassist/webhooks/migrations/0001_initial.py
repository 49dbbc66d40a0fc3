import uuid

import django.db.models.deletion
from django.db import migrations, models

import medassist.common.fields
from medassist.tenancy.operations import clinic_row_security


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0001_initial"), ("jobs", "0003_dead_letters")]

    operations = [
        migrations.CreateModel(
            name="Endpoint",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("clinic", models.CharField(max_length=63)),
                ("url", medassist.common.fields.EncryptedTextField()),
                ("host", models.CharField(max_length=255, verbose_name="host")),
                ("description", models.CharField(blank=True, default="", max_length=200, verbose_name="description")),
                ("events", models.JSONField(default=list, verbose_name="events")),
                ("secret", medassist.common.fields.EncryptedTextField()),
                ("previous_secret", medassist.common.fields.EncryptedTextField(blank=True, default="")),
                ("previous_until", models.DateTimeField(blank=True, null=True)),
                ("active", models.BooleanField(default=True, verbose_name="active")),
                (
                    "off_reason",
                    models.CharField(blank=True, default="", max_length=40, verbose_name="switched off because"),
                ),
                ("failures", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(blank=True, null=True, verbose_name="failing since")),
                ("retry_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
            ],
            options={
                "verbose_name": "webhook",
                "verbose_name_plural": "webhooks",
                "ordering": ["created_at"],
                "indexes": [models.Index(fields=["clinic", "active"], name="webhook_of_clinic")],
            },
        ),
        migrations.CreateModel(
            name="Delivery",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("clinic", models.CharField(max_length=63)),
                ("event_id", models.UUIDField(default=uuid.uuid4)),
                ("event_key", models.CharField(max_length=100)),
                ("type", models.CharField(max_length=40, verbose_name="event")),
                ("body", models.JSONField()),
                ("job_id", models.UUIDField()),
                ("tries", models.PositiveIntegerField(default=0, verbose_name="tries")),
                ("last_try_at", models.DateTimeField(blank=True, null=True, verbose_name="last try")),
                ("last_status", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="last status")),
                ("last_problem", models.CharField(blank=True, default="", max_length=60, verbose_name="last problem")),
                ("delivered_at", models.DateTimeField(blank=True, null=True, verbose_name="delivered")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                (
                    "endpoint",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="deliveries", to="webhooks.endpoint"
                    ),
                ),
            ],
            options={
                "verbose_name": "delivery",
                "verbose_name_plural": "deliveries",
                "ordering": ["-created_at"],
                "indexes": [models.Index(fields=["clinic", "-created_at"], name="delivery_of_clinic")],
                "constraints": [models.UniqueConstraint(fields=("endpoint", "event_key"), name="delivery_once")],
            },
        ),
        clinic_row_security("webhooks_endpoint"),
        clinic_row_security("webhooks_delivery"),
    ]
