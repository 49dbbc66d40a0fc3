"""Prometheus text under vLLM's own names, so that one dashboard and one autoscaler rule fit both."""

from __future__ import annotations

import threading
from collections import Counter

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Metrics:
    """Counters of one process; safe from several threads."""

    def __init__(self, model: str) -> None:
        self._label = f'model_name="{model}"'
        self._lock = threading.Lock()
        self._finished: Counter[str] = Counter()
        self._tokens: Counter[str] = Counter()
        self._buckets: Counter[float] = Counter()
        self._seconds = 0.0
        self._count = 0
        self.running = 0
        self.waiting = 0
        self.rejections = 0

    def finished(self, reason: str, *, seconds: float, prompt_tokens: int = 0, completion_tokens: int = 0) -> None:
        with self._lock:
            self._finished[reason] += 1
            self._tokens.update(prompt=prompt_tokens, generation=completion_tokens)
            self._seconds += seconds
            self._count += 1
            self._buckets.update(limit for limit in _BUCKETS if seconds <= limit)

    def text(self) -> str:
        with self._lock:
            label = self._label
            rows = [
                *_metric("vllm:num_requests_running", "gauge", f"{{{label}}}", self.running),
                *_metric("vllm:num_requests_waiting", "gauge", f"{{{label}}}", self.waiting),
                *_metric("vllm:kv_cache_usage_perc", "gauge", f"{{{label}}}", 0),
                *_metric("vllm:admission_rejections_total", "counter", f"{{{label}}}", self.rejections),
                *_metric("vllm:prompt_tokens_total", "counter", f"{{{label}}}", self._tokens["prompt"]),
                *_metric("vllm:generation_tokens_total", "counter", f"{{{label}}}", self._tokens["generation"]),
                "# TYPE vllm:request_success_total counter",
                *(
                    f'vllm:request_success_total{{{label},finished_reason="{reason}"}} {self._finished[reason]}'
                    for reason in sorted({"stop", "length", "abort", *self._finished})
                ),
                "# TYPE vllm:e2e_request_latency_seconds histogram",
                *(
                    f'vllm:e2e_request_latency_seconds_bucket{{{label},le="{limit}"}} {self._buckets[limit]}'
                    for limit in _BUCKETS
                ),
                f'vllm:e2e_request_latency_seconds_bucket{{{label},le="+Inf"}} {self._count}',
                f"vllm:e2e_request_latency_seconds_sum{{{label}}} {self._seconds:.6f}",
                f"vllm:e2e_request_latency_seconds_count{{{label}}} {self._count}",
                "# TYPE medassist:language_model gauge",
                f"medassist:language_model{{{label}}} 0",
            ]
        return "\n".join(rows) + "\n"


def _metric(name: str, kind: str, labels: str, value: float) -> tuple[str, str]:
    return f"# TYPE {name} {kind}", f"{name}{labels} {value}"
