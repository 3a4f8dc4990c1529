#!/usr/bin/env bash
# Drive the page in a browser, one test after the other: they wait for what they see, and share a server and a browser.
# Run tests/all.sh first, which sets up. Usage: bash tests/pages.sh [FILES]
set -euo pipefail
cd "$(dirname "$0")/.."
. "${EDDYLINE_TEST_VENV:-.venv-test}/bin/activate"
[ $# -gt 0 ] || set -- tests/test_*page.py
# One that failed may try again: a busy machine is slow to draw, which is no fault of the page.
export OMP_NUM_THREADS=1  # models on one thread: the browser wants the other core
exec python -m pytest --reruns 2 "$@"
