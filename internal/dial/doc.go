// Package dial opens connections, and keeps those that are open and idle.
package dial
