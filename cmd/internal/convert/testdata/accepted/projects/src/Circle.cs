namespace Many.Types { public class Circle : Shape { public double R; } }
