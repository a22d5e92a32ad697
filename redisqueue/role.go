package redisqueue

import (
	"context"
	"errors"
	"fmt"
)

// checkRole refuses servers on which requests could come back: replicas, and
// primaries that have some.
func (p *Provider) checkRole(ctx context.Context, allowReplicas bool) error {
	for addr, node := range p.client.Nodes() {
		ctx, cancel := context.WithTimeout(ctx, p.timing.attempt)
		reply, err := node.Do(ctx, node.B().Role().Build()).ToArray()
		cancel()
		if err != nil {
			return fmt.Errorf("asking %s for its role: %w%s", addr, err, advice(err))
		}
		if len(reply) < 1 {
			return errors.New("the server does not tell its role")
		}
		role, _ := reply[0].ToString()
		switch {
		case role == "slave" && p.storage.cluster:
			if !allowReplicas {
				return fmt.Errorf("%s is a replica: after a failover, requests that were collected can appear again; set Options.AllowReplicas if that may happen", addr)
			}
		case role == "slave":
			return fmt.Errorf("%s is a read-only replica: connect to its primary", addr)
		case role == "master" && len(reply) >= 3 && !allowReplicas:
			if replicas, err := reply[2].ToArray(); err == nil && len(replicas) > 0 {
				return fmt.Errorf("%s has %d replicas: after a failover, requests that were collected can appear again; set Options.AllowReplicas if that may happen", addr, len(replicas))
			}
		}
	}
	return nil
}
