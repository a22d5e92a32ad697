package halibut

// RaceDetector is for the tests outside of the package: with it on, more is
// allocated.
func RaceDetector() bool { return raceDetector }
