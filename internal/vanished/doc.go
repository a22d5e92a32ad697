// Package vanished holds the tests of peers that are gone without a packet, as
// after a power failure, a pulled cable or a firewall that forgot a connection.
// No process can play that: its system goes on acknowledging for it. So the
// peers stand in network namespaces, and a router between them drops what they
// send.
package vanished
