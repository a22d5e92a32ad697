// ERROR: package refused declares no type Missing; -type takes the name of an interface of this package
// OPTIONS: -type Missing
package refused
