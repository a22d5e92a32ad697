// ERROR: 2:24: expected “;” after x, found “int”
public class A { int x int y; }
