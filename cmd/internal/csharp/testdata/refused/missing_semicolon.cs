// ERROR: 4:1: expected “;”, found “}”
public class A {
    int x = 1
}
