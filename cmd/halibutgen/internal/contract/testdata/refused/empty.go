package refused

type Contract interface{}
