// ERROR: 4:1: the file ends inside A; a closing brace is missing
public class A {
    public int X { get; set; }
