//go:build race

package queue_test

func init() { raceDetector = true }
