"""`manage.py measure_retrieval --docs docs.jsonl --questions questions.jsonl --qrels qrels.tsv`: how well the search
finds what was judged relevant, by sparse and dense vectors and by both fused; no clinic and no database."""

from __future__ import annotations

import json
import re
import sys
import tempfile
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast, get_args

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from apps.rag.index.embedded import EdgeStore
from apps.rag.index.embedding import embedder
from apps.rag.index.fusing import RerankerName
from apps.rag.index.reranking import reranker
from apps.rag.pipeline.measuring import Measured, measure
from apps.rag.pipeline.trial import Trial, read_trial
from apps.rag.pipeline.vector_cache import embedded
from medassist.common.errors import MedAssistError


class Command(BaseCommand):
    help = "Measures sparse, dense and fused search over judged questions, with 95 % bootstrap intervals."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--docs", type=Path, required=True, help="JSONL: id, text, title when there is one")
        parser.add_argument(
            "--questions", type=Path, required=True, help="JSONL: id, question, batch if there are batches"
        )
        parser.add_argument("--qrels", type=Path, required=True, help="TSV with the header query_id, doc_id, grade")
        parser.add_argument("--split", default="", metavar="BATCHES", help="7-10: only questions of batches 7 to 10")
        parser.add_argument("--limit", type=int, help="only the first questions")
        parser.add_argument("--k", default="5,10,20", help="cut-offs of recall (default: 5,10,20)")
        parser.add_argument("--reranker", choices=get_args(RerankerName), help="in place of the setting RERANKER")
        parser.add_argument("--cache", type=Path, metavar="FOLDER", help="keeps vectors by content for the next run")
        parser.add_argument("--json", type=Path, dest="into", metavar="FILE", help="writes the figures there as well")

    def handle(self, *_: Any, **given: Any) -> None:
        cutoffs = _cutoffs(given["k"])
        if given["limit"] is not None and given["limit"] < 1:
            raise CommandError("--limit is 1 or more")
        try:
            trial = read_trial(
                docs=given["docs"], questions=given["questions"], qrels=given["qrels"], split=given["split"],
                limit=given["limit"],
            )  # fmt: skip
            rescorer = cast(RerankerName, given["reranker"] or settings.RERANKER)
            found = _measured(trial, rescorer, cutoffs, given["cache"])
        except MedAssistError as error:
            raise CommandError(str(error)) from None
        self._tell(trial, found, rescorer)
        if given["into"]:
            result = {"embedder": embedder().id, "reranker": rescorer, "split": given["split"], **_figures(found)}
            try:
                given["into"].write_text(json.dumps(result, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            except OSError as error:
                raise CommandError(f"{given['into']}: cannot be written ({error.strerror})") from None

    def _tell(self, trial: Trial, found: Measured, rescorer: str) -> None:
        self.stdout.write(
            f"{found.questions} questions, {found.documents} documents, {embedder().id}, reranker {rescorer}"
        )
        if trial.unanswerable:
            self.stdout.write(f"{trial.unanswerable} questions were left out: nothing is judged relevant to them")
        if trial.missing:
            self.stdout.write(
                f"{trial.missing} relevant documents are not among the documents: they count as not found"
            )
        self.stdout.write(f"\n{'':<11}" + "".join(f"{mode:<22}" for mode in found.by_mode))
        for name in found.by_mode["fused"]:
            cells = [of[name] for of in found.by_mode.values()]
            self.stdout.write(f"{name:<11}" + "".join(f"{c.mean:.3f} [{c.low:.3f}, {c.high:.3f}]  " for c in cells))
        self.stdout.write("")
        for mode, gain in found.gain.items():
            self.stdout.write(f"fused - {mode:<7} {gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}] nDCG@10")


def _measured(trial: Trial, rescorer: RerankerName, cutoffs: list[int], cache: Path | None) -> Measured:
    texts = [*trial.documents.values(), *(question.text for question in trial.questions)]
    with tqdm(total=len(texts), unit="text", desc="vectors", disable=not sys.stderr.isatty()) as bar:
        vectors = embedded(embedder(), texts, cache, bar.update)
    here, there = vectors[: len(trial.documents)], vectors[len(trial.documents) :]
    with tempfile.TemporaryDirectory(prefix="measure-") as folder:
        index = EdgeStore(Path(folder), embedder().dimension)
        try:
            with tqdm(total=len(there), unit="question", disable=not sys.stderr.isatty()) as bar:
                return measure(
                    trial, index=index, documents=here, questions=there, rescore=reranker(rescorer), cutoffs=cutoffs,
                    progress=bar.update,
                )  # fmt: skip
        finally:
            index.close()


def _cutoffs(said: str) -> list[int]:
    if not re.fullmatch(r"[1-9]\d{0,2}(,[1-9]\d{0,2})*", said):
        raise CommandError("--k is numbers from 1 to 999 with commas between, as in 5,10,20")
    return sorted({int(part) for part in said.split(",")})


def _figures(found: Measured) -> dict[str, Any]:
    return {
        "questions": found.questions,
        "documents": found.documents,
        "measures": {mode: {name: asdict(one) for name, one in of.items()} for mode, of in found.by_mode.items()},
        "gain": {mode: asdict(one) for mode, one in found.gain.items()},
    }
