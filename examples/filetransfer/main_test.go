package main

// Example runs the program as it is.
func Example() {
	main()
	// Output:
	// 20 bytes stored
	// 20 bytes fetched: a file of any length
}
