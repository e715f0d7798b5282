#!/usr/bin/env bash
# Walks the whole of Serval's API against a running agent, with curl: each call is printed with its status, and checked.
#
#   examples/05-serval-api/walk.sh URL TOKEN
#   DOCKET_AGENT=http://127.0.0.1:8100 DOCKET_TOKEN="$(cat ~/.local/share/docket/token)" examples/05-serval-api/walk.sh
#
# It stores two blobs and one module of a few hundred bytes, named org.example.walk.echo; running it again changes nothing.
# Exit status: 0 if every call did what it should, 1 if one did not, 2 if the call of this script is wrong.
set -uo pipefail

url=${1:-${DOCKET_AGENT:-}}
token=${2:-${DOCKET_TOKEN:-}}
if [ -z "$url" ] || [ -z "$token" ]; then
  echo "usage: $0 URL TOKEN (or DOCKET_AGENT and DOCKET_TOKEN in the environment)" >&2
  exit 2
fi
url=${url%/}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0
calls=0

# call STATUS METHOD PATH [CURL OPTIONS]: makes the call, leaves headers and body in $work, and checks the status.
call() {
  local wanted=$1 method=$2 path=$3 status verb=(--request "$2")
  shift 3
  [ "$method" = HEAD ] && verb=(--head)
  : >"$work/body"
  # The token goes by standard input, so that no list of processes shows it.
  status=$(curl --silent --show-error --max-time 60 --config - "${verb[@]}" --output "$work/body" --dump-header "$work/headers" \
    --write-out '%{http_code}' "$@" "$url$path" <<<"header = \"Authorization: Bearer $token\"")
  calls=$((calls + 1))
  if [ "$status" = "$wanted" ]; then
    printf 'ok      %s %-5s %s\n' "$status" "$method" "$path"
  else
    printf 'FAILED  %s %-5s %s (wanted %s)\n' "$status" "$method" "$path" "$wanted"
    head -c 500 "$work/body"
    failed=$((failed + 1))
  fi
}

# check WHAT COMMAND…: whether the command succeeds.
check() {
  local what=$1
  shift
  if "$@"; then
    printf '        %s\n' "$what"
  else
    printf 'FAILED  %s; the reply was:\n' "$what"
    head -c 500 "$work/body"
    echo
    failed=$((failed + 1))
  fi
}

body_is() { [ "$(cat "$work/body")" = "$1" ]; }
body_has() { grep -qF -- "$1" "$work/body"; }
header_is() { grep -qiE "^$1: $2"$'\r?$' "$work/headers"; }
same_as() { cmp -s "$work/body" "$1"; }

hello=sha256-uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=
nobody=sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
name=org.example.walk.echo

# A module that copies stdin to stdout (guests/wat/echo.wat), and what `bsdiff` makes of "hello world" and "hello patched world".
base64 -d >"$work/echo.wasm" <<'END'
AGFzbQEAAAABDAJgBH9/f38Bf2AAAAJEAhZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxB2ZkX3JlYWQAABZ3YXNpX3NuYXBzaG90X3ByZXZpZXcxCGZkX3dyaXRl
AAADAgEBBQMBAAIHEwIGbWVtb3J5AgAGX3N0YXJ0AAIKQAE+AANAQQBBgIAENgIAQQRBgIAENgIAQQBBAEEBQQgQABpBBEEIKAIANgIAQQFBAEEBQQwQARpB
CCgCAA0ACws=
END
base64 -d >"$work/patch" <<'END'
QlNESUZGNDApAAAAAAAAACUAAAAAAAAAEwAAAAAAAABCWmg5MUFZJlNZdSAa9AAACEAATQIgADDNAMGhjJMfF3JFOFCQdSAa9EJaaDkxQVkmU1nFhUONAAAA
QABQACAAIQCCgxdyRThQkMWFQ41CWmg5MUFZJlNZQ6LbUgAABJGAQAAuRNSAIAAijJj1GhA0DQcyQMQktF3JFOFCQQ6LbUg=
END
cat >"$work/echo.toml" <<END
name = "echo"
namespace = "org.example.walk"
version = "1.0.0"
binary = "echo.wasm"
description = "Copies stdin to stdout"
required_extensions = []
END

echo "# Is it there?"
call 200 GET /monitor/ping
check 'it says pong' body_is pong
call 200 GET /monitor/status
check 'it says who it is' body_has '"instance_id"'

echo "# Data"
call 201 POST /v1/storage/data --data-binary 'hello world'
check 'the reply is the Subresource Integrity of the data' body_is "$hello"
call 200 HEAD "/v1/storage/data/$hello"
call 404 HEAD "/v1/storage/data/$nobody"
call 200 GET "/v1/storage/data/$hello"
check 'it comes back as it was' body_is 'hello world'
call 404 GET "/v1/storage/data/$nobody"
call 400 GET /v1/storage/data/nonsense
call 201 PATCH "/v1/storage/data/$hello" --data-binary "@$work/patch"
patched=$(cat "$work/body")
call 200 GET "/v1/storage/data/$patched"
check 'the patch made the new data' body_is 'hello patched world'
call 404 PATCH "/v1/storage/data/$nobody" --data-binary "@$work/patch"
call 422 PATCH "/v1/storage/data/$hello" --data-binary 'no patch'

echo "# Manifests and their modules"
call 201 POST /v1/storage/manifests --data-binary "@$work/echo.toml"
check 'the reply is a Subresource Integrity' grep -qE '^sha256-[A-Za-z0-9+/]{43}=$' "$work/body"
call 400 POST /v1/storage/manifests --data-binary 'no manifest'
call 200 HEAD "/v1/storage/manifests/$name"
call 404 HEAD /v1/storage/manifests/org.example.walk.nobody
call 200 GET "/v1/storage/manifests/$name"
check 'it is the manifest' body_has 'name = "echo"'
call 404 GET /v1/storage/manifests/org.example.walk.nobody
call 201 PUT "/v1/storage/manifests/$name/executable/1.0.0" --data-binary "@$work/echo.wasm"
call 200 GET "/v1/storage/manifests/$name/executable/1.0.0"
check 'it is the module' same_as "$work/echo.wasm"
call 404 GET "/v1/storage/manifests/$name/executable/2.0.0"
call 404 PUT "/v1/storage/manifests/$name/executable/2.0.0" --data-binary "@$work/echo.wasm"
call 200 GET /v1/storage/manifests
check 'the manifest is listed' body_has "\"$name.manifest.toml\""
check 'and its module' body_has "\"$name.1.0.0.wasm\""

echo "# Jobs"
call 200 POST "/v1/jobs/$name/run" --data-binary 'what it reads'
check 'its stdout is the reply' body_is 'what it reads'
check 'its exit status is told' header_is docket-exit 0
call 200 POST "/v1/jobs/$name/run" --data-binary 'what it reads'
check 'the same again gives the same' body_is 'what it reads'
check 'and did not run' header_is docket-cached true
call 404 POST /v1/jobs/org.example.walk.nobody/run --data-binary ''
call 200 GET /v1/jobs
check 'the job is listed' body_has "$name"
call 200 GET /v1/monitor/history
check 'and stands in the history' body_has "$name"

echo "# The mesh"
call 200 GET /v1/mesh/peers
check 'there is a peer' body_has '"instance_id"'
for role in runner storage scheduler observer; do call 200 GET "/v1/mesh/peers/$role"; done
call 400 GET /v1/mesh/peers/nonsense

echo
echo "$calls calls, $failed failures"
[ "$failed" = 0 ]
