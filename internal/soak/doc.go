// Package soak holds the tests that make very many calls over connections on
// which things go wrong, and account for every one of them: what its caller was
// told must be what happened at the service.
//
//	go test ./internal/soak                                      1,200 calls, in virtual time
//	go test ./internal/soak -run Faults -calls 1000000           as many as one likes
//	go test ./internal/soak -run Faults -calls 1000 -seed 42     what a failure printed
//	go test ./internal/soak -run Soak -timeout 0 -soak 10m       over TCP, for ten minutes
//	go test ./internal/soak -run Soak -soak 1m -pairs 8 -tally f as many calls a minute, added up in the file f
//	go test ./internal/soak -run Agents -agents 2000 -v          memory of idle agents, and their return
package soak
