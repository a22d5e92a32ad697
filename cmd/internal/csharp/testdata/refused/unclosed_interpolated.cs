// ERROR: 3:19: the literal that starts here has no end
public class A {
    string X() => $"abc {1 + 2} ;
}