#!/bin/sh
# Prints the path of a Chromium for the browser tests. With --install it tries to get one first; 1 when there is none.
set -u
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}

# A downloaded browser may lack the system's libraries: only one that can say its version is a browser.
works() { [ -x "$1" ] && timeout 30 "$1" --version >/dev/null 2>&1 </dev/null; }

find_browser() {
    for candidate in ${CHROMIUM:-} chromium chromium-browser google-chrome google-chrome-stable; do
        found=$(command -v "$candidate" 2>/dev/null) && works "$found" && printf '%s\n' "$found" && return 0
    done
    bundled=$("$venv/bin/python" -c '
from playwright.sync_api import sync_playwright
with sync_playwright() as p:
    print(p.chromium.executable_path)' 2>/dev/null) || return 1
    works "$bundled" && printf '%s\n' "$bundled"
}

find_browser && exit 0
[ "${1:-}" = --install ] || exit 1
echo "No Chromium found; trying Playwright's own download" >&2
timeout 300 "$venv/bin/playwright" install chromium >&2 </dev/null
find_browser && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Trying apt-get install chromium" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >&2 </dev/null
    find_browser && exit 0
fi
echo "No Chromium can be had here. Install chromium or google-chrome, or name one: CHROMIUM=/path make check" >&2
exit 1
