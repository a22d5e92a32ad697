package main

// Example runs the program as it is.
func Example() {
	main()
	// Output:
	// Hello, polling service!
}
