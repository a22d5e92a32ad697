// ERROR: 3:1: #endif has no #if before it
public class A { }
#endif
