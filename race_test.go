//go:build race

package halibut

func init() { raceDetector = true }
