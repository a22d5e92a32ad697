// ERROR: 3:1: “}” closes nothing here
public class A { }
}
public class B { }
