// ERROR: 4:6: Contract is a constraint, not a set of methods; a contract has methods and nothing else
package refused

type Contract interface{ ~int | ~string }
