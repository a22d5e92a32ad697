// ERROR: 4:1: the file ends inside an #if; add the #endif
#if A
public class A { }
