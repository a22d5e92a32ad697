// ERROR: 2:1: a symbol is missing in the #if
#if A &&
#endif
public class A { }
