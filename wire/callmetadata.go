package wire

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/halibut-go/halibut/internal/bson"
)

// appendTo writes the member "go".
func (c *CallMetadata) appendTo(dst []byte) ([]byte, error) {
	if err := checkTexts(c.Traceparent); err != nil {
		return dst, fmt.Errorf("traceparent: %w", err)
	}
	dst, start := bson.Begin(bson.AppendHeader(dst, bson.Document, "go"))
	if c.Timeout > 0 {
		dst = bson.AppendInt64(dst, "timeoutMs", int64((c.Timeout-1)/time.Millisecond)+1)
	}
	if c.Crowded {
		dst = bson.AppendBool(dst, "crowded", true)
	}
	if c.Traceparent != "" {
		dst = bson.AppendString(dst, "traceparent", c.Traceparent)
	}
	if len(c.Metadata) > 0 {
		var inner int
		dst, inner = bson.Begin(bson.AppendHeader(dst, bson.Document, "metadata"))
		for _, key := range slices.Sorted(maps.Keys(c.Metadata)) {
			if err := checkKey(key); err != nil {
				return dst, fmt.Errorf("metadata: %w", err)
			}
			if err := checkTexts(c.Metadata[key]); err != nil {
				return dst, fmt.Errorf("metadata %q: %w", key, err)
			}
			dst = bson.AppendString(dst, key, c.Metadata[key])
		}
		dst = bson.End(dst, inner)
	}
	return bson.End(dst, start), nil
}

// parseCallMetadata reads the member "go". It is an extra member that no
// peer has to write, so what it does not understand it leaves out: a call
// never fails over its metadata.
func parseCallMetadata(v Raw) *CallMetadata {
	if v.Type != KindDocument {
		return nil
	}
	c := &CallMetadata{}
	for it := v.Elements(); it.Next(); {
		value := it.Value()
		switch string(it.Name()) {
		case "timeoutMs":
			if ms, ok := value.Integer(); ok && ms > 0 {
				c.Timeout = time.Duration(min(ms, math.MaxInt64/int64(time.Millisecond))) * time.Millisecond
			}
		case "crowded":
			c.Crowded = value.Type == KindBool && value.Bool()
		case "traceparent":
			if value.Type == KindString {
				c.Traceparent = string(value.Text())
			}
		case "metadata":
			c.Metadata = parseMetadata(value)
		}
	}
	return c
}

func parseMetadata(v Raw) map[string]string {
	var metadata map[string]string
	for it := v.Elements(); it.Next(); {
		if value := it.Value(); value.Type == KindString {
			if metadata == nil {
				metadata = make(map[string]string)
			}
			metadata[string(it.Name())] = string(value.Text())
		}
	}
	return metadata
}
