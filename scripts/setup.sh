#!/usr/bin/env bash
# Makes .venv with everything that `make run` and `make test` need; does nothing when it is up to date.
# On a Debian-like machine, as root, it also installs the system libraries that Qt needs.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }
can_install() { is_root && command -v apt-get >/dev/null; }

install() {
    say "installing $*"
    # a fresh machine or container has no package lists yet
    if [ -z "${lists_are_fresh:-}" ]; then
        apt-get update -qq
        lists_are_fresh=yes
    fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# ---- system libraries: "file that must be there" "package that has it" -------------------------

system_libraries() {
    cat <<'LIST'
libEGL.so.1 libegl1
libGL.so.1 libgl1
libOpenGL.so.0 libopengl0
libGLX_mesa.so.0 libglx-mesa0
libglib-2.0.so.0 libglib2.0-0
libxkbcommon-x11.so.0 libxkbcommon-x11-0
libxkbcommon.so.0 libxkbcommon0
libxcb-cursor.so.0 libxcb-cursor0
libxcb-icccm.so.4 libxcb-icccm4
libxcb-image.so.0 libxcb-image0
libxcb-keysyms.so.1 libxcb-keysyms1
libxcb-randr.so.0 libxcb-randr0
libxcb-render-util.so.0 libxcb-render-util0
libxcb-shape.so.0 libxcb-shape0
libxcb-sync.so.1 libxcb-sync1
libxcb-xfixes.so.0 libxcb-xfixes0
libxcb-xinerama.so.0 libxcb-xinerama0
libxcb-xkb.so.1 libxcb-xkb1
libdbus-1.so.3 libdbus-1-3
libfontconfig.so.1 libfontconfig1
libgssapi_krb5.so.2 libgssapi-krb5-2
LIST
}

missing_packages() {
    local known file package
    known="$(PATH="$PATH:/sbin:/usr/sbin" ldconfig -p)"
    while read -r file package; do
        case "$known" in *"$file "*) ;; *) echo "$package" ;; esac
    done < <(system_libraries)
    # Mesa's software renderer is loaded by name, so ldconfig does not know it
    compgen -G '/usr/lib*/dri/*_dri.so' >/dev/null ||
        compgen -G '/usr/lib/*/dri/*_dri.so' >/dev/null || echo libgl1-mesa-dri
    command -v xvfb-run >/dev/null || echo xvfb
    command -v xauth >/dev/null || echo xauth
    compgen -G '/usr/share/fonts/*' >/dev/null || echo fonts-dejavu-core
}

check_system() {
    [ "$(uname -s)" = Linux ] || return 0 # Qt's wheels bring all they need elsewhere
    local missing
    mapfile -t missing < <(missing_packages)
    [ ${#missing[@]} -gt 0 ] || return 0
    if can_install; then
        install "${missing[@]}"
    else
        say "Qt and its virtual display need system packages that are missing here;" \
            "please install (Debian's names): ${missing[*]}"
    fi
}

# ---- Python ------------------------------------------------------------------------------------

suits() { "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python3.14; do
        if command -v "$candidate" >/dev/null && suits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

make_venv() {
    # a folder that was moved, or whose Python is gone, is made anew
    if [ -x .venv/bin/python ] && suits .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1 &&
        [ "$(.venv/bin/python -c 'import sys; print(sys.prefix)')" = "$PWD/.venv" ]; then
        return
    fi
    local python
    if ! python="$(find_python)"; then
        can_install && install python3 python3-venv
        python="$(find_python)" ||
            fail "Python 3.11 or newer with its venv module is needed (Debian: python3 python3-venv)"
    fi
    say "making .venv with $("$python" --version)"
    rm -rf .venv
    "$python" -m venv .venv
}

fill_venv() {
    local pip=(.venv/bin/python -m pip --disable-pip-version-check)
    say "installing the packages (some minutes the first time)"
    "${pip[@]}" install -qq --upgrade pip
    # torch alone and first: with an open range pip may fetch gigabytes of CUDA
    "${pip[@]}" install -qq -c constraints-dev.txt torch
    "${pip[@]}" install -qq -c constraints-dev.txt -e '.[all,dev]'
}

# ---- what it was made from; the same again means nothing to do -----------------------------------

fingerprint() {
    pwd
    # cksum is on every machine
    cat pyproject.toml constraints-dev.txt scripts/setup.sh | cksum
}

check_system
if [ -x .venv/bin/python ] && [ "$(cat .venv/made-from 2>/dev/null)" = "$(fingerprint)" ]; then
    exit 0
fi
make_venv
fill_venv
fingerprint >.venv/made-from
say "ready"
