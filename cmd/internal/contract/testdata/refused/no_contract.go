// ERROR: package refused has no interface with the directive //halibut:service; add it, or name the interface with -type
// OPTIONS: -type
package refused
