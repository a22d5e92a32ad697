// ERROR: 2:38: expected get, set or init, found “fetch”
public class A { public int X { fetch; } }
