// ERROR: 3:34: the literal has no end on its line
public class A {
    string X() => $"abc {1 + 2 ";
}