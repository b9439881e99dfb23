#!/bin/sh
# check-chain.sh STORE - checks a log with sha256sum alone: every batch file is the one that its leaf
# names, and every leaf names the leaf before it. It does not check signatures or the Merkle tree;
# `fleetsec verify-logs` does. Format: log-format.md.
set -eu
fail() { echo "$1" >&2; exit 1; }
path() { # sets p: a number as tlog-tiles writes it into paths
  n=$1 p=$(printf %03d $(($1 % 1000)))
  while [ $((n /= 1000)) -gt 0 ]; do p=$(printf 'x%03d/%s' $((n % 1000)) "$p"); done
}
leaf=$(mktemp) seq=0 offset=0 last=- size= dash=
trap 'rm -f "$leaf"' EXIT
{ read -r _; read -r size; read -r _; read -r _; read -r dash _; } <"$1/checkpoint" || dash=
case $dash$size in — | —0* | —*[!0-9]*) dash= ;; esac # a size is a positive decimal number
[ "$dash" = — ] || fail "its checkpoint is damaged"
while [ "$seq" != "$size" ]; do
  path $((seq / 256)) && bundle=$1/tile/entries/$p width=$((size - seq / 256 * 256))
  [ "$width" -ge 256 ] || bundle=$bundle.p/$width
  length=$(od -An -tu1 -j"$offset" -N2 "$bundle" | { read -r high low; echo $((high * 256 + low)); })
  tail -c +$((offset + 3)) "$bundle" | head -c "$length" >"$leaf"
  number='' sha256='' prev=''
  while read -r name value; do
    case $name in seq) number=$value ;; sha256) sha256=$value ;; prev) prev=$value ;; esac
  done <"$leaf"
  [ "$number" = "$seq" ] || fail "batch $seq: its leaf is numbered $number"
  [ "$prev" = "$last" ] || fail "batch $seq: its leaf does not follow the one before"
  path "$seq" && [ -f "$1/fleetsec/batch/$p.jsonl" ] || fail "batch $seq: it is missing"
  batch=$(sha256sum <"$1/fleetsec/batch/$p.jsonl")
  [ "${batch%% *}" = "$sha256" ] || fail "batch $seq: it is not what was signed"
  last=$(sha256sum <"$leaf") && last=${last%% *} seq=$((seq + 1)) offset=$((offset + 2 + length))
  [ $((seq % 256)) -ne 0 ] || offset=0
done
path "$size" && [ ! -e "$1/fleetsec/batch/$p.jsonl" ] || fail "batch $size: the checkpoint does not count it"
echo "$size batches in order, the last leaf is $last"
