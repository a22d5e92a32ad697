// ERROR: 3:1: the file ends inside a where clause
public class A<T> where T : class
