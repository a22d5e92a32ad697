// ERROR: 3:1: expected a name, found the end of the file
public class A { int X(
