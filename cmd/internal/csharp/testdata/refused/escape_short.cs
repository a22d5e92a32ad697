// ERROR: 2:36: “\u” is not followed by 4 hexadecimal digits
public class A { const string X = "\u12"; }
