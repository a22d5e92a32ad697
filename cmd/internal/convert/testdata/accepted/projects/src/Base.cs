namespace Many.Types { public class Base { public int Id; } public abstract class Shape { } }
