package main

// Example runs the program as it is.
func Example() {
	main()
	// Output:
	// 20 bytes stored
	// fetched back: a file of any length
}
