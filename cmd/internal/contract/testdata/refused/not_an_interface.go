// ERROR: 4:6: Contract is not an interface; a contract is an interface whose methods are the calls
package refused

type Contract struct{}
