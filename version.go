package halibut

// GeneratedVersion1 is named by the code that halibutgen writes today. The
// library drops it once it can no longer carry that code, so generated code
// and library that do not fit fail to compile, at a line that says to run
// go generate again.
const GeneratedVersion1 = true
