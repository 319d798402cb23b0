#!/bin/sh
# Install Vigil on a Pi without the .deb: unpack the archive of `make wheelhouse` there and run: sudo ./install.sh
#
# Needs no network: the wheels are beside this file. Leaves the same layout as the package (/opt/vigil/releases/VERSION,
# /opt/vigil/current, /etc/vigil, user vigil). `sudo ./install.sh --remove` takes the program away, and keeps who is enrolled.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

[ "$(id -u)" = 0 ] || { echo "install: run it as root: sudo $0" >&2; exit 1; }
systemd() { [ ! -d /run/systemd/system ] || systemctl "$@"; }

if [ "${1:-}" = --remove ]; then
    systemd disable --quiet --now vigil.service || true
    rm -rf /opt/vigil /usr/bin/vigil /etc/systemd/system/vigil.service /etc/udev/rules.d/60-vigil.rules
    systemd daemon-reload
    echo "install: Vigil is removed; /etc/vigil and /var/lib/vigil are kept"
    exit 0
fi
if dpkg-query --show vigil-edge >/dev/null 2>&1; then
    echo "install: the package vigil-edge is installed; remove it before: apt remove vigil-edge" >&2
    exit 1
fi

python=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
if [ "$python" != "$(cat "$here/python")" ]; then
    echo "install: these wheels are for Python $(cat "$here/python"), this system has $python: take the archive for its Debian" >&2
    exit 1
fi
(cd "$here" && sha256sum --quiet --check SHA256SUMS)

project=$(echo "$here"/wheels/vigil_edge-*.whl)
version=$(basename "$project" | cut -d- -f2)
release=/opt/vigil/releases/$version
rm -rf "$release"
# A wheel is a zip file, and an environment a folder with a note of its Python: neither pip nor venv has to be there.
mkdir -p "$release/bin" "$release/lib/python$python/site-packages"
for wheel in "$here"/wheels/*.whl; do
    python3 -m zipfile -e "$wheel" "$release/lib/python$python/site-packages"
done
printf 'home = /usr/bin\ninclude-system-site-packages = true\nversion = %s\n' "$python" >"$release/pyvenv.cfg"
ln -s "/usr/bin/python$python" "$release/bin/python"
install -m 755 "$here/launcher" "$release/bin/vigil"
"$release/bin/python" -I -m compileall -q "$release" || true

for group in gpio video vigil; do
    getent group "$group" >/dev/null || groupadd --system "$group"
done
getent passwd vigil >/dev/null ||
    useradd --system --gid vigil --home-dir /var/lib/vigil --no-create-home --shell /usr/sbin/nologin vigil
usermod --append --groups gpio,video vigil
install -d -m 0700 -o vigil -g vigil /var/lib/vigil
install -d /etc/vigil
[ -e /etc/vigil/vigil.toml ] || sed 's|^# key_file = |key_file = |' "$here/vigil.toml" >/etc/vigil/vigil.toml
if [ ! -e /etc/vigil/gallery.key ]; then
    (umask 077 && head -c 32 /dev/urandom >/etc/vigil/.gallery.key)
    sync /etc/vigil/.gallery.key # after a power cut there would be a key of 0 bytes
    mv /etc/vigil/.gallery.key /etc/vigil/gallery.key
fi
install -D -m 644 "$here/vigil.service" /etc/systemd/system/vigil.service
install -D -m 644 "$here/60-vigil.rules" /etc/udev/rules.d/60-vigil.rules
ln -sfn "releases/$version" /opt/vigil/.next
mv -fT /opt/vigil/.next /opt/vigil/current
ln -sfn /opt/vigil/current/bin/vigil /usr/bin/vigil
systemd daemon-reload
systemd try-restart vigil.service
echo "install: next: sudo vigil doctor; sudo vigil enroll NAME --camera picamera; sudo systemctl enable --now vigil"
