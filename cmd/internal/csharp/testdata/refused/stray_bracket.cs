// ERROR: 2:27: expected “;”, found “)”
public class A { int x = 1); }
