package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/halibut-go/halibut"
	"github.com/halibut-go/halibut/redisqueue"
)

// redisFlags say where this side meets other nodes.
type redisFlags struct {
	url, prefix, keyFile string
	replicas             bool
}

func (f *redisFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.url, "redis", "", "meet other nodes in the Redis at this `URL`: redis://HOST:PORT, rediss:// with TLS, or unix:///PATH")
	flags.StringVar(&f.prefix, "redis-prefix", "", "for --redis: begin the names of all keys with this `text`, the same on all nodes")
	flags.StringVar(&f.keyFile, "redis-key", "", "for --redis: seal messages with the key in this `file`, 32 random bytes in base64 or hexadecimal, the same on all nodes")
	flags.BoolVar(&f.replicas, "redis-replicas", false, "for --redis: take a Redis that has replicas, as one behind Sentinel has; after a failover a call may run twice")
}

// connectTime is how long Redis may take to answer at first.
const connectTime = 10 * time.Second

// open connects to Redis, nil where that was not asked for.
func (f *redisFlags) open(ctx context.Context, log *slog.Logger) (*redisqueue.Provider, error) {
	if f.url == "" {
		if f.prefix != "" || f.keyFile != "" || f.replicas {
			return nil, usagef("--redis-prefix, --redis-key and --redis-replicas go with --redis")
		}
		return nil, nil
	}
	opts := &redisqueue.Options{Prefix: f.prefix, AllowReplicas: f.replicas, Logger: log}
	if f.keyFile != "" {
		key, err := readRedisKey(f.keyFile)
		if err != nil {
			return nil, err
		}
		sealed, err := redisqueue.NewSealed(key)
		if err != nil {
			return nil, err
		}
		opts.Wrappers = []redisqueue.Wrapper{sealed}
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	provider, err := redisqueue.Open(ctx, f.url, opts)
	if err != nil {
		return nil, &statusError{exitUnreachable, err}
	}
	return provider, nil
}

func readRedisKey(name string) ([]byte, error) {
	content, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the key for Redis cannot be read: %w", err)
	}
	text := string(bytes.TrimSpace(content))
	for _, decode := range []func(string) ([]byte, error){hex.DecodeString, base64.StdEncoding.DecodeString} {
		if key, err := decode(text); err == nil && len(key) == redisqueue.SealingKeySize {
			return key, nil
		}
	}
	return nil, fmt.Errorf("%s holds no key: expected %d random bytes in base64 (openssl rand -base64 %d) or hexadecimal", name, redisqueue.SealingKeySize, redisqueue.SealingKeySize)
}

// held is a polling service whose connection a node holds for others.
type held struct {
	subscription string
	pin          halibut.Pin
}

// parseHeld reads poll://NAME=PIN.
func parseHeld(texts []string) ([]held, error) {
	var all []held
	for _, text := range texts {
		subscription, pinText, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("--hold is %q: expected poll://NAME=PIN", text)
		}
		pin, err := halibut.ParsePin(pinText)
		if err != nil {
			return nil, &usageError{err}
		}
		to, err := halibut.ParseEndpoint(subscription)
		if err != nil {
			return nil, &usageError{err}
		}
		if to.Subscription() == "" {
			return nil, usagef("--hold is %q: expected poll://NAME=PIN", text)
		}
		all = append(all, held{to.Subscription(), pin})
	}
	return all, nil
}
