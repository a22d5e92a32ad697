// ERROR: 4:6: Contract has no methods; a contract needs at least one
package refused

type Contract interface{}
