#!/bin/sh
# check-chain.sh STORE - checks a log with sha256sum alone: every batch file is the one that its leaf
# names, and every leaf names the leaf before it. It does not check signatures or the Merkle tree;
# `fleetsec verify-logs` does. Format: log-format.md.
set -eu
store=$1
fail() { echo "batch $seq: $1" >&2; exit 1; }
path() { # sets p: a number as tlog-tiles writes it into paths
  n=$1 p=$(printf %03d $(($1 % 1000)))
  while [ $((n /= 1000)) -gt 0 ]; do p=$(printf 'x%03d/%s' $((n % 1000)) "$p"); done
}
sum() { s=$(sha256sum <"$1") s=${s%% *}; } # sets s

leaf=$(mktemp)
trap 'rm -f "$leaf"' EXIT
size=$(sed -n 2p "$store/checkpoint")
seq=0 offset=0 last=-
while [ "$seq" -lt "$size" ]; do
  path $((seq / 256))
  bundle=$store/tile/entries/$p width=$((size - seq / 256 * 256))
  [ "$width" -ge 256 ] || bundle=$bundle.p/$width
  length=$(od -An -tu1 -j"$offset" -N2 "$bundle" | { read -r high low; echo $((high * 256 + low)); })
  tail -c +$((offset + 3)) "$bundle" | head -c "$length" >"$leaf"
  while read -r name value; do
    case $name in seq) number=$value ;; sha256) sha256=$value ;; prev) prev=$value ;; esac
  done <"$leaf"
  [ "$number" = "$seq" ] || fail "its leaf is numbered $number"
  [ "$prev" = "$last" ] || fail "its leaf does not follow the one before"
  path "$seq"; batch=$store/fleetsec/batch/$p.jsonl
  [ -f "$batch" ] || fail "it is missing"
  sum "$batch"
  [ "$s" = "$sha256" ] || fail "it is not what was signed"
  sum "$leaf"
  last=$s seq=$((seq + 1)) offset=$((offset + 2 + length))
  [ $((seq % 256)) -ne 0 ] || offset=0
done
echo "$size batches in order, the last leaf is $last"
