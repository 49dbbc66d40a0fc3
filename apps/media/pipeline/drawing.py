"""From an order to a labelled picture, in named steps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID, uuid5

from django.conf import settings

from apps.media import gateway
from apps.media.rules import catalogue, png, workflows
from apps.media.schemas import Drawn, MediaProvenance, Order
from medassist.common.database import hand_back_connection
from medassist.common.errors import MediaFailed, MediaOff
from medassist.jobs.runner import Run

CAPTION = "AI-generated illustration - for education only - not an image of a patient"
# The term by which IPTC metadata marks what a generative model made.
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
_XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description rdf:about="" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
    f'Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>'
)


def draw(run: Run, order_of: Callable[[], Order]) -> Drawn:
    """Raises what `gateway.generate` raises, and `MediaOff` when pictures were switched off meanwhile."""
    with run.step("prepare"):
        if not settings.MEDIA_ENABLED:
            raise MediaOff
        order = order_of()
        try:
            positive = catalogue.prompt_of(order.topic, order.style)
            width, height = catalogue.SHAPES[order.shape]
            workflow = workflows.named(settings.MEDIA_WORKFLOW)
        except KeyError as error:
            # Asked for under an older catalogue.
            raise MediaFailed from error
        graph = workflow.filled(
            {
                "positive": positive, "negative": catalogue.NEGATIVE, "seed": order.seed, "width": width, "height": height,
                "checkpoint": settings.MEDIA_CHECKPOINT, "prefix": f"medassist/{run.job.id.hex}",
            }
        )  # fmt: skip
    # The picture takes minutes: nobody holds a connection meanwhile.
    hand_back_connection()
    with run.step("draw"):
        fetched = gateway.generate(
            gateway.Call(
                graph=graph,
                prompt_id=prompt_id(run.job.id, run.job.attempt),
                known=[prompt_id(run.job.id, attempt) for attempt in range(1, run.job.attempt)],
                seconds=min(settings.MEDIA_TIMEOUT_SECONDS, max(1.0, run.deadline_left_s)),
                told=lambda done, total: run.progress("draw", done, total),
                stopped=run.abort.is_set,
                left=lambda: run.lost,
            )
        )
    with run.step("label"):
        provenance = MediaProvenance(
            model=settings.MEDIA_CHECKPOINT, workflow=workflow.label, catalogue=catalogue.VERSION, topic=order.topic,
            style=order.style, seed=order.seed, width=width, height=height,
            prompt_sha256=hashlib.sha256(f"{positive}\n{catalogue.NEGATIVE}".encode()).hexdigest(), job=str(run.job.id),
            created_at=datetime.now(UTC),
        )  # fmt: skip
        return Drawn(labelled(fetched.data, provenance), provenance, fetched.prompt_id)


def prompt_id(job_id: UUID, attempt: int) -> str:
    """The same for every run of one attempt, so that a run that takes over finds what is being drawn."""
    return str(uuid5(job_id, f"attempt-{attempt}"))


def labelled(data: bytes, provenance: MediaProvenance) -> bytes:
    """The file with its visible caption and its metadata; what the server wrote into it is gone."""
    return png.labelled(
        png.read(data),
        caption=CAPTION,
        texts={
            "Title": catalogue.TOPICS[provenance.topic].title,
            "Description": CAPTION,
            "Software": "MedAssist, ComfyUI",
            "Source": SOURCE_TYPE,
            "AI-Generated": "true",
            "Provenance": json.dumps(provenance.model_dump(mode="json"), sort_keys=True),
            "XML:com.adobe.xmp": _XMP,
        },
    )
