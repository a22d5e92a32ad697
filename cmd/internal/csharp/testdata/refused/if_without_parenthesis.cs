// ERROR: 2:1: a closing parenthesis is missing in the #if
#if (A || B
#endif
public class A { }
