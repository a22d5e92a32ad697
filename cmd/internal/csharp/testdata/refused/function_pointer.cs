// ERROR: 2:32: a function pointer is nothing that can be sent; remove it from the contract
public unsafe class A { public delegate*<int, void> F; }
