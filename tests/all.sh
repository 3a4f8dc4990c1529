#!/usr/bin/env bash
# Set up a clean environment and pass every check: lint, types, tests. All of the page: tests/pages.sh. Usage: bash tests/all.sh
set -euo pipefail
cd "$(dirname "$0")/.."

venv="${EDDYLINE_TEST_VENV:-.venv-test}"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
. "$venv/bin/activate"

# pyworld, which hears the pitch of what the vocoder learns from, comes as source.
if ! command -v c++ >/dev/null; then
  if command -v apt-get >/dev/null; then
    sudo=""; [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq g++ python3-dev >/dev/null
  else
    echo "a C++ compiler is missing; install one" >&2; exit 1
  fi
fi

python -m pip install --quiet --disable-pip-version-check ".[test,credentials,mcp,pretrained]"

if ! command -v chromium >/dev/null && ! command -v chromium-browser >/dev/null && ! command -v google-chrome >/dev/null; then
  if command -v apt-get >/dev/null; then
    sudo=""; [ "$(id -u)" = 0 ] || sudo="sudo"
    { $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } \
      || python -m playwright install --with-deps chromium
  else
    python -m playwright install chromium
  fi
fi

# FFmpeg's own programs open what the studio has written: tests fail without them, they do not skip.
if ! command -v ffprobe >/dev/null || ! command -v ffmpeg >/dev/null; then
  if command -v apt-get >/dev/null; then
    sudo=""; [ "$(id -u)" = 0 ] || sudo="sudo"
    $sudo apt-get update -qq && $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq ffmpeg >/dev/null
  else
    echo "ffmpeg and ffprobe are missing; install FFmpeg 5.1 or newer" >&2; exit 1
  fi
fi

ruff check .
ruff format --check .
mypy
# Models on one thread: as many tests as processors run at once, and a browser wants the other core.
export OMP_NUM_THREADS=1
if [ $# -gt 0 ]; then exec python -m pytest "$@"; fi
python -m pytest -n logical --maxprocesses 4 --dist loadfile \
  $(printf -- "--ignore=%s " tests/test_*page.py tests/test_server.py)
# Fifty people at one server want it for themselves.
python -m pytest --reruns 2 tests/test_server.py
# In a browser, one after the other: a first look at every tab. All of it takes a quarter of an hour: tests/pages.sh.
# What failed may try again, for a busy machine is slow to draw, which is no fault of the page.
exec python -m pytest --reruns 2 -m smoke tests/test_*page.py
