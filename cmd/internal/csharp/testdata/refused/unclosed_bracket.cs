// ERROR: 3:30: expected “)”, found “}”
public class A {
    int X() { return (1 + 2; }
}
