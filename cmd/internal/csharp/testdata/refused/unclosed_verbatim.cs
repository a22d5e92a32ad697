// ERROR: 3:22: the literal that starts here has no end
public class A {
    const string X = @"abc;
}
