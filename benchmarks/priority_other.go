//go:build !linux

package main

// beforeOthers is not possible here.
func beforeOthers() (restore func(), ok bool) { return func() {}, false }
