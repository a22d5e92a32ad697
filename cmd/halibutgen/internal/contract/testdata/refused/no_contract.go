// OPTIONS: -type
package refused
