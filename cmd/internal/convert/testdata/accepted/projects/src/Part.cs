namespace Many.Types { public class Part : Base { public Shape Shape { get; set; } } public class Unneeded { public int A; } }
