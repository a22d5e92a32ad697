// ERROR: 10:25: Contract.M, parameter a is a map whose keys are refused.Key; keys travel as text, so use a string, a number, a bool, an enum, a uuid.UUID or a time.Time
// ERROR: 10:40: Contract.M, parameter b is a map whose keys are *int; keys travel as text, so use a string, a number, a bool, an enum, a uuid.UUID or a time.Time
package refused

import "context"

type Key struct{ A, B int }

type Contract interface {
	M(ctx context.Context, a map[Key]int, b map[*int]string) error
}
