#!/bin/sh
# check-chain.sh STORE - every batch file is what its leaf says, and every leaf names the one before (log-format.md)
set -euf; store=$1 size='' dash='' seq=0 at=0 last=- leaf=$(mktemp); trap 'rm -f "$leaf"' EXIT
fail() { echo "$1" >&2; exit 1; }
path() { n=$1 p=$(printf %03d $(($1 % 1000))); while [ $((n /= 1000)) -gt 0 ]; do p=$(printf x%03d/%s $((n % 1000)) "$p"); done; }
{ read -r _; read -r size; read -r _; read -r _; read -r dash _; } <"$store/checkpoint" || dash=
case $size:$dash in :* | 0* | *[!0-9]*:*) false ;; *:—) ;; *) false ;; esac || fail "its checkpoint is damaged"
while [ "$seq" != "$size" ]; do
  path $((seq / 256)); bundle=$store/tile/entries/$p
  [ $((seq / 256)) -lt $((size / 256)) ] || bundle=$bundle.p/$((size % 256))
  length=$(od -An -tu1 -j"$at" -N2 "$bundle" | { read -r high low; echo $((high * 256 + low)); })
  tail -c +$((at + 3)) "$bundle" | head -c "$length" >"$leaf"; set -- $(cat "$leaf")
  [ "$2 $3" = "seq $seq" ] || fail "batch $seq: its leaf is numbered $3"
  [ "${15} ${16}" = "prev $last" ] || fail "batch $seq: its leaf does not follow the one before"
  path "$seq"; { batch=$(sha256sum <"$store/fleetsec/batch/$p.jsonl"); } 2>/dev/null || fail "batch $seq: it is missing"
  [ "${11} ${12}" = "sha256 ${batch%% *}" ] || fail "batch $seq: it is not what was signed"
  last=$(sha256sum <"$leaf"); last=${last%% *} seq=$((seq + 1)); at=$((seq % 256 ? at + 2 + length : 0))
done
more=$(($(find -L "$store/fleetsec/batch/" -name '*.jsonl' | wc -l) - size)); [ "$more" = 0 ] || fail "$more more batches than the checkpoint counts"
echo "$size batches in order, the last leaf is $last"
