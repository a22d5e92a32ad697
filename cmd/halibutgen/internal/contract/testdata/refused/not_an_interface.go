package refused

type Contract struct{}
