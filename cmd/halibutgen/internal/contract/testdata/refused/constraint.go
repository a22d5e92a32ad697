package refused

type Contract interface{ ~int | ~string }
