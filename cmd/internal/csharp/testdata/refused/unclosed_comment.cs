// ERROR: 3:1: the comment that starts here has no end
public class A { }
/* never closed
