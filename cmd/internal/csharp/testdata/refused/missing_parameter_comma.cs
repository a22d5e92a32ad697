// ERROR: 2:36: expected a comma or “)” after parameter a, found “int”
public interface IA { void M(int a int b); }
