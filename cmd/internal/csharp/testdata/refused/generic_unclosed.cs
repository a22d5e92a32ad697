// ERROR: 2:27: expected “>”, found “x”
public class A { List<int x; }
