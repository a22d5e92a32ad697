// ERROR: 2:36: the file ends inside a literal
public class A { const string X = "\