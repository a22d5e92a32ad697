// OPTIONS: -type Missing
package refused
