#!/usr/bin/env bash
# Runs a command with an unlocked, empty system keychain of its own: a session bus, GNOME Keyring and a home that is
# removed afterwards. For tests on Linux without a desktop.
#
#     scripts/with-keyring.sh npx vitest run test/main/identity
#
# Needs: gnome-keyring dbus libsecret-1-0
set -euo pipefail

if [ $# -eq 0 ]; then
  echo "usage: $0 COMMAND [ARGUMENT…]" >&2
  exit 2
fi
for program in dbus-run-session gnome-keyring-daemon; do
  if ! command -v "$program" >/dev/null; then
    echo "$0: $program is missing. On Debian and Ubuntu: apt-get install gnome-keyring dbus libsecret-1-0" >&2
    exit 1
  fi
done

home=$(mktemp -d "${TMPDIR:-/tmp}/conclave-keyring-XXXXXX")
trap 'rm -rf "$home"' EXIT
mkdir -m 700 "$home/run"

# The daemon runs in the foreground of its own job, so that it ends with the session and leaves nothing behind.
CONCLAVE_KEYRING_HOME=$home dbus-run-session -- bash -c '
  set -euo pipefail
  export XDG_DATA_HOME="$CONCLAVE_KEYRING_HOME" XDG_RUNTIME_DIR="$CONCLAVE_KEYRING_HOME/run"
  printf "\n" | gnome-keyring-daemon --unlock --foreground --components=secrets >/dev/null 2>&1 &
  keyring=$!
  trap "kill $keyring 2>/dev/null && wait $keyring 2>/dev/null || true" EXIT
  for _ in $(seq 50); do
    if dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner \
      string:org.freedesktop.secrets 2>/dev/null | grep -q "boolean true"; then break; fi
    sleep 0.1
  done
  CONCLAVE_TEST_KEYCHAIN=1 "$@"
' bash "$@"
