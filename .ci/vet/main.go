// Vet is the go vet tool of .ci/run: analysers that go vet leaves out because
// they need more time, all of which report defects rather than taste.
package main

import (
	"golang.org/x/tools/go/analysis/passes/atomicalign"
	"golang.org/x/tools/go/analysis/passes/deepequalerrors"
	"golang.org/x/tools/go/analysis/passes/nilness"
	"golang.org/x/tools/go/analysis/passes/reflectvaluecompare"
	"golang.org/x/tools/go/analysis/passes/unusedwrite"
	"golang.org/x/tools/go/analysis/unitchecker"
)

func main() {
	unitchecker.Main(
		atomicalign.Analyzer,
		deepequalerrors.Analyzer,
		nilness.Analyzer,
		reflectvaluecompare.Analyzer,
		unusedwrite.Analyzer,
	)
}
