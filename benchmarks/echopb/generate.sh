#!/bin/sh
# Makes the Go code of echo.proto again. It needs protoc (apt-get install
# protobuf-compiler); the plugins are those of go.mod.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
GOBIN=$bin go install google.golang.org/protobuf/cmd/protoc-gen-go google.golang.org/grpc/cmd/protoc-gen-go-grpc \
	connectrpc.com/connect/cmd/protoc-gen-connect-go storj.io/drpc/cmd/protoc-gen-go-drpc
PATH=$bin:$PATH protoc --go_out=. --go-grpc_out=. --connect-go_out=. --go-drpc_out=. \
	--go_opt=paths=source_relative --go-grpc_opt=paths=source_relative \
	--connect-go_opt=paths=source_relative --go-drpc_opt=paths=source_relative echo.proto
