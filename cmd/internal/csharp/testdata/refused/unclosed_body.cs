// ERROR: 3:13: “{” is not closed
public class A {
    int X() { return 1;
