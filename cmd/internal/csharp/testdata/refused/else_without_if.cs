// ERROR: 3:1: #else has no #if before it
public class A { }
#else
