// ERROR: 2:39: the file ends inside a literal
public class A { const string X = "abc