package redisqueue

import (
	"context"
	"fmt"
	"strings"
)

// checkRole refuses servers on which requests could come back: replicas, and
// primaries that have some.
func (p *Provider) checkRole(ctx context.Context, allowReplicas bool) error {
	for addr, node := range p.client.Nodes() {
		ctx, cancel := context.WithTimeout(ctx, p.timing.attempt)
		info, err := node.Do(ctx, node.B().Info().Section("replication").Build()).ToString()
		cancel()
		if err != nil {
			return fmt.Errorf("asking %s for its role: %w%s", addr, err, advice(err))
		}
		role, replicas := infoValue(info, "role"), infoValue(info, "connected_slaves")
		switch {
		case role == "slave" && !p.storage.cluster:
			return fmt.Errorf("%s is a read-only replica: connect to its primary", addr)
		case allowReplicas:
		case role == "slave" || replicas != "" && replicas != "0":
			return fmt.Errorf("%s is a %s with %s replicas: after a failover, requests that were collected can appear again; set Options.AllowReplicas if that may happen", addr, role, replicas)
		}
	}
	return nil
}

// infoValue is a value of what the server says about itself.
func infoValue(info, name string) string {
	for line := range strings.Lines(info) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && key == name {
			return value
		}
	}
	return ""
}
