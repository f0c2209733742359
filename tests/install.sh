#!/bin/sh
# What the tests need from Debian's packages, for the Python named as argument. Installs only what is missing.
set -eu

need=""
command -v mariadbd >/dev/null || [ -x /usr/sbin/mariadbd ] || need="$need mariadb-server-core mariadb-client-core"
command -v redis-server >/dev/null || need="$need redis-server"
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || need="$need mosquitto"
command -v chromium >/dev/null || need="$need chromium"
command -v msgfmt >/dev/null || need="$need gettext"
command -v gcc >/dev/null || need="$need gcc libc6-dev"
command -v pkg-config >/dev/null || need="$need pkg-config"
pkg-config --exists libmariadb 2>/dev/null || need="$need libmariadb-dev"
headers=$("$1" -c "import sysconfig; print(sysconfig.get_path('include'))")
[ -f "$headers/Python.h" ] || need="$need python3-dev"
[ -z "$need" ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
    echo "The tests need packages that only root can install: sudo apt install$need" >&2
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "The tests need these Debian packages or their like:$need" >&2
    exit 1
fi
echo "Installing for the tests:$need"
# Services that a package brings are not started: the tests start their own, privately.
apt-get update -qq
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $need >/dev/null
