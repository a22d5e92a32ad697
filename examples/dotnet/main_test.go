package main

// Example runs the program as it is.
func Example() {
	main()
	// Output:
	// web-1 took 00:01:30: log of web-1
}
