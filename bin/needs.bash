# What the commands beside this file need on a machine: each `need_…` looks, and installs or says
# exactly how to. Sourced by bash with `set -euo pipefail`; the current directory is the root.

RUST_NEEDED=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)

# say MESSAGE…: one line to the person, apart from what the tools print.
say() {
  printf '==> %s\n' "$*" >&2
}

# give_up MESSAGE…: what happened, what it means, what to do.
give_up() {
  printf '\n%s\n' "$@" >&2
  exit 1
}

# at_least HAVE WANT: compares versions such as 1.95.0 and 1.95.
at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

# as_root COMMAND…: runs it if we may without being asked for a password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 77
  fi
}

# install_debian PACKAGE…: does nothing without packages.
install_debian() {
  [ $# -gt 0 ] || return 0
  local by_hand="sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
  if ! command -v apt-get >/dev/null; then
    give_up "Missing on this machine: $*" \
      "These are the names of Debian's packages, and there is no apt-get here." \
      "Install what corresponds to them with your system's package manager and run this again."
  fi
  if ! as_root true; then
    give_up "Missing on this machine: $*" "Installing them needs root. Run" "  $by_hand" \
      "and then this again."
  fi
  say "installing Debian packages: $*"
  local install=(env DEBIAN_FRONTEND=noninteractive
    apt-get install -y -q --no-install-recommends "$@")
  # The lists of packages may be missing or old: fetch them only when it does not work without.
  if ! as_root "${install[@]}" </dev/null >&2; then
    as_root apt-get update -q </dev/null >&2
    as_root "${install[@]}" </dev/null >&2 ||
      give_up "Installing $* did not work; apt-get says why above." "To try by hand:" "  $by_hand"
  fi
}

need_rust() {
  if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
  fi
  if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then
    give_up "There is no Rust on this machine, and the server is built with it." \
      "Install Rust $RUST_NEEDED or newer as https://rustup.rs says, open a new shell, and run this again."
  fi
  local have
  have=$(rustc --version | cut -d ' ' -f 2)
  at_least "$have" "$RUST_NEEDED" ||
    give_up "Rust $have is too old: $RUST_NEEDED or newer is needed." \
      "Run" "  rustup update stable" "and then this again."
}

# aws-lc (cryptography) and SQLite are C and are built with the server; both need only a C compiler
# and the C library's headers.
need_c_compiler() {
  local probe='#include <stdlib.h>
int main(void) { return EXIT_SUCCESS; }'
  if ! printf '%s\n' "$probe" | cc -x c -o /dev/null - 2>/dev/null; then
    install_debian gcc libc6-dev
  fi
}

# libFuzzer, which drives the targets in fuzz/, is C++.
need_cxx_compiler() {
  printf '#include <vector>\nint main() {}\n' | c++ -x c++ -o /dev/null - 2>/dev/null ||
    install_debian g++
}

need_curl() {
  command -v curl >/dev/null || install_debian curl ca-certificates
}

# debian_packages_for_tests: prints the packages that are missing, one a line.
debian_packages_for_tests() {
  ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null ||
    echo postgresql
  command -v python3 >/dev/null || echo python3
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  [ -x /usr/sbin/haproxy ] || command -v haproxy >/dev/null || echo haproxy
  ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || echo faketime
  [ -e tests/clients/setup ] || return 0
  command -v chromium >/dev/null || echo chromium
  command -v node >/dev/null || echo nodejs
  command -v npm >/dev/null || echo npm
}

need_test_programs() {
  # shellcheck disable=SC2046 # one word per package
  install_debian $(debian_packages_for_tests)
  [ -e tests/clients/setup ] || return 0
  local node python
  node=$(node --version)
  at_least "${node#v}" 20 ||
    give_up "Node.js $node is too old for the clients in tests/clients: 20 or newer is needed." \
      "Debian 13 and newer package it as nodejs; for others see https://nodejs.org/."
  python=$(python3 -c 'import platform; print(platform.python_version())')
  at_least "$python" 3.11 ||
    give_up "Python $python is too old for the clients in tests/clients: 3.11 or newer is needed." \
      "Debian 12 and newer package it as python3."
}
