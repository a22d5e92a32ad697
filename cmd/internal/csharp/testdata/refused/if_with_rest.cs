// ERROR: 2:1: “B” in “#if A B” is not understood
#if A B
#endif
public class A { }
