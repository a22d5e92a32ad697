// ERROR: 3:27: the literal has no end on its line
public class A {
    const string X = "abc;
}
