#!/bin/sh
# Sets biofeed up on Debian and its kin: system libraries, .venv, pinned packages, compiled kernels.
# Changes nothing before it knows that it can go through.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

stop() {
    printf 'biofeed set-up: %s\n' "$1" >&2
    exit 1
}

"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    stop "Python 3.11 or later is needed; name yours with: make setup PYTHON=python3.12"

missing=""
need() { # need PACKAGE COMMAND...: the package is missing when the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}
library() { # is that shared library known to the loader?
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q "$1"
}
mesa() { # a driver that EGL can use without a graphics card, or any vendor's
    find /usr/lib /usr/lib64 -name 'swrast_dri.so' -o -name 'libgallium*.so' -o -name 'libEGL_nvidia.so.0' | grep -q .
}
if [ "$(uname -s)" = Linux ]; then
    need "$("$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" "$PYTHON" -c 'import ensurepip, venv'
    need libegl1 library 'libEGL\.so\.1'
    need libgl1 library 'libGL\.so\.1'
    need libglx-mesa0 library 'libGLX'
    need libgl1-mesa-dri mesa
    need libportaudio2 library 'libportaudio\.so\.2'
    need glslang-tools glslangValidator --version # the reference GLSL compiler, for the tests
fi
if [ -n "$missing" ]; then
    install="apt-get update && apt-get install -y --no-install-recommends$missing"
    command -v apt-get >/dev/null 2>&1 ||
        stop "these system libraries are missing (Debian's names):$missing; install them with your system's package manager"
    if [ "$(id -u)" = 0 ]; then
        root=""
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo"
    else
        asroot="sudo sh -c"
        command -v sudo >/dev/null 2>&1 || asroot="su -c"
        stop "system libraries are missing and this user may not install them; run this one line, then try again:
  $asroot '$install'"
    fi
    echo "[1/3] system libraries:$missing"
    said=$($root sh -c "export DEBIAN_FRONTEND=noninteractive; $install" 2>&1) ||
        stop "installing them failed; the end of what was said:
$(printf '%s' "$said" | tail -n 5)"
else
    echo "[1/3] system libraries: all there"
fi

echo "[2/3] Python packages into .venv (about 300 MB to load, 1 GB on disk; some minutes the first time)"
[ -x .venv/bin/python ] || "$PYTHON" -m venv .venv
PIP_CONSTRAINT=constraints.txt .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,recordings]'

echo "[3/3] kernels"
.venv/bin/biofeed warm
touch .venv/.ready
