package main

// Example runs the program as it is.
func Example() {
	main()
	// Output:
	// running: ./deploy.sh
	// with {"replicas": 3}
	// done: <nil>
}
